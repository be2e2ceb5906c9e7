/** A TCP proxy on a loopback port that misbehaves as networks do. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface Proxy {
  port: number;
  /** When each connection was opened (performance.now). */
  opened: number[];
  /** Breaks a connection as soon as one of these words passes, from either side. */
  cutOn: string | undefined;
  /** Swallows everything, with no word to anyone: a half-open connection. */
  frozen: boolean;
  /** Breaks every connection now. */
  cut(): void;
  close(): Promise<void>;
}

export async function startProxy(target: number): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    proxy.opened.push(performance.now());
    const far = connect(target, '127.0.0.1');
    const both = [near, far] as const;
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        if (!proxy.frozen) to.destroy();
      });
      from.on('data', (bytes) => {
        if (proxy.frozen) return;
        if (proxy.cutOn && bytes.includes(proxy.cutOn)) for (const socket of both) socket.destroy();
        else to.write(bytes);
      });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: Proxy = {
    port: (server.address() as { port: number }).port,
    opened: [],
    cutOn: undefined,
    frozen: false,
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      proxy.cut();
      await closed;
    },
  };
  return proxy;
}
