import http from 'node:http';

/** Where Twilio's media really lie: a second origin with signed addresses. Notes the credentials that it should not see. */
export function createStorage(
  media: ReadonlyMap<string, { bytes: Buffer; type: string }>,
  calls: { path: string; authorization: string | undefined }[],
): http.Server {
  return http.createServer((request, response) => {
    const path = request.url ?? '';
    calls.push({ path, authorization: request.headers.authorization });
    const found = media.get(path.split('?')[0]!.slice(1));
    // Signed addresses refuse a second way of authentication, as S3 does.
    if (request.headers.authorization)
      response.writeHead(400).end('<Error><Code>InvalidArgument</Code></Error>');
    else if (!found) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': found.type }).end(found.bytes);
  });
}
