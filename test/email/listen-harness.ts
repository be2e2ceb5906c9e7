/** Inboxes that listen, and clients that speak to them. */
import { connect, type Socket } from 'node:net';
import { createTransport } from 'nodemailer';
import { emailConfigSchema } from '../../channels/email/config.ts';
import { createListener } from '../../channels/email/listen.ts';
import { createDeps, createRecorder, until } from './harness.ts';

type Recorder = ReturnType<typeof createRecorder>;
/** What a test started; `stopAll` after each. */
const running: { stop(): Promise<void> }[] = [];

export async function stopAll(): Promise<void> {
  for (const each of running.splice(0)) await each.stop();
}

/** One inbox with a listener; port 0 takes any free one. */
export async function listenFor(given: {
  address: string;
  aliases?: string[];
  port?: number;
  recorder?: Recorder;
}) {
  const { address, aliases, port = 0, recorder = createRecorder() } = given;
  const config = emailConfigSchema.parse({ address, aliases, listen: { port } });
  const { deps, health } = createDeps();
  const source = createListener({ ...config, listen: { port } }, deps);
  const abort = new AbortController();
  const done = source.run(recorder.record, abort.signal);
  const stop = async () => {
    abort.abort();
    await done;
  };
  running.push({ stop });
  const inbox = { recorder, health, source, stop, port: () => source.port()! };
  return inbox;
}

export async function listening(given: Parameters<typeof listenFor>[0]) {
  const inbox = await listenFor(given);
  await until('the listener is bound', () => inbox.source.port() !== undefined);
  return inbox;
}

const client = (port: number) => createTransport({ host: '127.0.0.1', port, secure: false });

export async function deliver(
  port: number,
  to: string[],
  raw: string | Buffer,
  from = 'ana@customer.example',
) {
  const transport = client(port);
  try {
    return await transport.sendMail({ envelope: { from: from as string, to }, raw });
  } finally {
    transport.close();
  }
}

/** Speaks SMTP by hand: sends lines, gives each reply. */
export async function dialogue(port: number) {
  const socket = connect(port, '127.0.0.1');
  socket.setEncoding('utf8');
  let buffered = '';
  socket.on('data', (text) => {
    buffered += text;
  });
  socket.on('error', () => {});
  const reply = async () => {
    await until('a reply', () => /^\d{3} .*\r\n/m.test(buffered));
    const answer = buffered;
    buffered = '';
    return answer;
  };
  await reply();
  return {
    socket: socket as Socket,
    reply,
    async say(line: string) {
      socket.write(`${line}\r\n`);
      return await reply();
    },
  };
}
