/** A reverse proxy as people put one before a server: other host, other path, its own headers. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Route {
  /** Of the path; the longest that fits takes the request. */
  prefix: string;
  /** An origin; the prefix is cut off on the way there where `strip` says so. */
  target: string;
  strip?: boolean;
  /** Put in, or taken out where undefined. */
  headers?: Record<string, string | undefined>;
}

export interface ReverseProxy {
  url: string;
  routes: Route[];
  /** Addresses of others in redirects, and what stands there instead. */
  rewrites: [from: string, to: string][];
  close(): Promise<void>;
}

export async function startReverseProxy(): Promise<ReverseProxy> {
  const server = http.createServer((request, response) => {
    const path = request.url ?? '/';
    const route = proxy.routes
      .filter(({ prefix }) => path.startsWith(prefix))
      .toSorted((a, b) => b.prefix.length - a.prefix.length)[0];
    if (!route) return void response.writeHead(502).end();
    const headers: http.OutgoingHttpHeaders = { ...request.headers, host: new URL(route.target).host };
    for (const [name, value] of Object.entries(route.headers ?? {}))
      if (value === undefined) delete headers[name];
      else headers[name] = value;
    const onward = http.request(
      `${route.target}${route.strip ? path.slice(route.prefix.length) : path}`,
      { method: request.method, headers },
      (answer) => {
        const { location } = answer.headers;
        const told = proxy.rewrites.reduce((url, [from, to]) => url?.replace(from, to), location);
        response.writeHead(answer.statusCode!, { ...answer.headers, ...(told ? { location: told } : {}) });
        answer.pipe(response);
      },
    );
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: ReverseProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    routes: [],
    rewrites: [],
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
