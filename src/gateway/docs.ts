import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';

export const DOCS_PATH = '/api/docs';

const ABOUT = `What agents and programs do with tickets. Ids are strings, times are ISO 8601 in UTC, lists are
\`{ items, nextCursor }\`: pass \`nextCursor\` as \`cursor\` for the next page. Every error is
\`application/problem+json\` (RFC 9457) with a stable \`code\`, explained in docs/errors.md.`;

/** Describes all routes that are registered after it: OpenAPI 3.1, with a page to try them. */
export async function docs(app: FastifyInstance, version: string, publicUrl: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Earshot', version, description: ABOUT },
      servers: [{ url: publicUrl }],
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  await app.register(swaggerUi, { routePrefix: DOCS_PATH, staticCSP: true });
}
