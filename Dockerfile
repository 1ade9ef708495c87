FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json nest-cli.json ormconfig.ts ./
COPY migrations migrations
COPY scripts scripts
COPY src src
RUN npm run build && node scripts/image/bundle.mjs dist && npm prune --omit=dev --no-audit --no-fund && sh scripts/image/prune.sh

FROM node:24-bookworm-slim
# bcrypt, file and name look-ups share the thread pool; four threads, the default, are few for all of them.
ENV NODE_ENV=production UV_THREADPOOL_SIZE=8
# glibc gives the memory of decoded pictures back at once; by default it keeps some 300 MB of it for later.
ENV MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=131072
# Stack traces of the bundle name the sources. Each process gives memory back after its start, and keeps less of it for new objects.
ENV NODE_COMPILE_CACHE=/app/.compile-cache NODE_OPTIONS="--enable-source-maps --expose-gc --max-semi-space-size=16"
WORKDIR /app
# What the process writes; a volume mounted there takes over the owner.
RUN mkdir -p uploads logs .data .compile-cache && chown node:node uploads logs .data .compile-cache
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json ./
COPY scripts/run.mjs scripts/
# node, by number: Kubernetes cannot check a name against runAsNonRoot.
USER 1000:1000
# The cache of compiled code is only read by the same node, path and user id; it may be read-only afterwards.
RUN node --input-type=module --eval "await import('/app/dist/src/server.js'); process.exit()"
EXPOSE 8081
STOPSIGNAL SIGTERM
# Last, because it changes with each build.
ARG GIT_COMMIT=unknown
ENV GIT_COMMIT=${GIT_COMMIT}
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.APP_PORT || process.env.PORT || 8081) + '/healthz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/src/main.js"]
