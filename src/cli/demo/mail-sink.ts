import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';
import type { FarSide } from './far-side.ts';

/** Takes every mail that Earshot sends, shows it, and lets it end here. */
export async function startMailSink(show: (line: string) => void): Promise<FarSide> {
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    logger: false,
    onData(stream, session, done) {
      simpleParser(stream).then((mail) => {
        const to = session.envelope.rcptTo.map(({ address }) => address).join(', ');
        show(`mail would go to ${to}: "${mail.subject ?? ''}" ${firstLine(mail.text ?? '')}`);
        done();
      }, done);
    },
  });
  server.on('error', () => {}); // a connection that broke is the sender's to notice
  const { server: listener } = server;
  server.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    port: (listener.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

const firstLine = (text: string) => text.trim().split('\n', 1)[0]!;
