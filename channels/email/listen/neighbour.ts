import { connect } from 'node:net';

const ANSWER_TIMEOUT_MS = 2_000;
const REPLY = /^(\d{3}) .*\r?\n/m;

/**
 * Who holds the port that we wanted. desk: another process of ours that takes mail for this address (two servers may
 * share one machine), so nothing is amiss. other: anybody else, or nobody who answers.
 */
export async function askNeighbour(host: string, port: number, address: string): Promise<'desk' | 'other'> {
  const socket = connect(port, host);
  socket.setEncoding('utf8');
  const lines = ['EHLO earshot.invalid', 'MAIL FROM:<>', `RCPT TO:<${address}>`, 'QUIT'];
  let heard = '';
  let greeted = false;
  return await new Promise((resolve) => {
    const end = (answer: 'desk' | 'other') => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(end, ANSWER_TIMEOUT_MS, 'other');
    socket.on('error', () => end('other'));
    socket.on('close', () => end('other'));
    socket.on('data', (text: string) => {
      heard += text;
      const code = REPLY.exec(heard)?.[1];
      if (!code) return;
      if (!greeted && !heard.includes('Earshot')) return end('other');
      greeted = true;
      heard = '';
      if (!code.startsWith('2')) return end('other');
      const next = lines.shift()!;
      // The answer to RCPT is the last that matters: nothing is sent.
      if (next === 'QUIT') return end('desk');
      socket.write(`${next}\r\n`);
    });
  });
}
