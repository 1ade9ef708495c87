import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';
import { DOCS_CSP } from './security-headers.js';
import { VERSION } from './version.js';

/** Swagger UI at `/docs`, the OpenAPI document at `/docs-json`. */
export function useDocs(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  fastify.addHook('onRequest', (request, reply, done) => {
    if (/^\/docs(\/|$|\?)/.test(request.url)) reply.header('content-security-policy', DOCS_CSP);
    done();
  });
  const config = new DocumentBuilder()
    .setTitle('Meetinity User Service')
    .setDescription('Accounts, sign-in, profiles, preferences and sessions of the Meetinity platform.')
    .setVersion(VERSION)
    .setLicense('Proprietary', 'https://meetinity.example/terms')
    .addServer('/', 'this service')
    .addServer('/api', 'behind the ingress')
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' })
    .build();
  // Made on first use: it costs start-up time that most processes never need.
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, config), {
    jsonDocumentUrl: 'docs-json',
    customSiteTitle: 'Meetinity User Service',
    swaggerOptions: { persistAuthorization: true },
  });
}
