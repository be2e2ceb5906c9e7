import net from 'node:net';

/** A keep-alive connection that sends one request at a time: as little client as possible on the cores that are measured. */
export interface Connection {
  /** false: the server has closed it (servers close what is idle). */
  isOpen(): boolean;
  /** Answers the HTTP status. */
  send(request: Buffer): Promise<number>;
  close(): void;
}

export async function connect(port: number): Promise<Connection> {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  let received: Buffer = Buffer.alloc(0);
  let waiting: { resolve: (status: number) => void; reject: (error: Error) => void } | undefined;
  socket.on('data', (chunk: Buffer) => {
    received = received.length > 0 ? Buffer.concat([received, chunk]) : chunk;
    const end = received.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = received.toString('latin1', 0, end);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (received.length < end + 4 + length) return;
    received = received.subarray(end + 4 + length);
    const answered = waiting;
    waiting = undefined;
    answered?.resolve(Number(head.slice(9, 12)));
  });
  let open = true;
  const fail = () => {
    open = false;
    waiting?.reject(new Error('the server closed the connection'));
  };
  socket.on('error', fail).on('close', fail);
  return {
    isOpen: () => open,
    send: (request) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(request);
      }),
    close: () => socket.destroy(),
  };
}
