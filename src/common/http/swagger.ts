import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { FastifyInstance, onRequestHookHandler } from 'fastify';
import { completeDocument } from './openapi.js';
import { DOCS_CSP } from './security-headers.js';
import { VERSION } from '../version.js';

/** In the order of use. */
const TAGS = {
  auth: 'Register, sign in, refresh and end tokens; passwords, addresses, Google and LinkedIn',
  profile: 'The own account: profile, picture, linked providers',
  mfa: 'Second factors and recovery codes',
  passkeys: 'Passkeys (WebAuthn): sign-up, sign-in and the own passkeys',
  preferences: 'What the user looks for, and what others see',
  sessions: 'Signed-in devices',
  privacy: 'Export and deletion of the own data',
  members: 'Other members',
  admin: 'For staff: users, roles, audit log. The permission of each route is its `x-permission`',
  services: 'For other services, with a credential of their own',
  'platform apps': 'The shapes that the mobile app and the admin portal send and expect; not for new clients',
  pages: 'Pages behind the links in mails, for browsers',
  health: 'Probes and metrics',
};

const allowOwnScripts: onRequestHookHandler = (_, reply, done) => {
  reply.header('content-security-policy', DOCS_CSP);
  done();
};

/** Swagger UI at `/docs`, the OpenAPI document at `/docs-json`. */
export function setupSwagger(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  fastify.addHook('onRoute', (route) => {
    if (/^\/docs(\/|$)/.test(route.url)) route.onRequest = [route.onRequest ?? [], allowOwnScripts].flat();
  });
  const config = new DocumentBuilder()
    .setTitle('Meetinity User Service')
    .setDescription('Accounts, sign-in, profiles, preferences and sessions of the Meetinity platform.')
    .setVersion(VERSION)
    .setLicense('LicenseRef-Proprietary', 'https://meetinity.example/terms')
    .addServer('/', 'this service')
    .addServer('/api', 'behind the ingress')
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' })
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'The credential of another service' }, 'service');
  for (const [tag, description] of Object.entries(TAGS)) config.addTag(tag, description);
  // A handler has the name of its operation.
  const options = { operationIdFactory: (_: string, method: string) => method };
  // Created on first use: most processes never serve it. The text is kept, because writing it takes the event loop long.
  const document = lazy(() => completeDocument(SwaggerModule.createDocument(app, config.build(), options)));
  const json = lazy(() => JSON.stringify(document()));
  fastify.get('/docs-json', (_, reply) => reply.type('application/json; charset=utf-8').send(json()));
  SwaggerModule.setup('docs', app, document, {
    // YAML would be written anew for each request, for a third of a second.
    raw: false,
    customSiteTitle: 'Meetinity User Service',
    swaggerOptions: { persistAuthorization: true },
  });
}

function lazy<T>(make: () => T): () => T {
  let value: T | undefined;
  return () => (value ??= make());
}
