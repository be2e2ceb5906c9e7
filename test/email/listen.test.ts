import { once } from 'node:events';
import { afterEach, describe, expect, test } from '@jest/globals';
import { freePort } from '../support/free-port.ts';
import { createRecorder, sampleMail, until } from './harness.ts';
import { deliver, dialogue, listening, stopAll } from './listen-harness.ts';

afterEach(stopAll);

describe('the SMTP listener', () => {
  test('hands over the bytes, the envelope and the facts of the session as they came', async () => {
    const inbox = await listening({ address: 'support@desk.example' });
    const raw = sampleMail(1);
    await deliver(inbox.port(), ['support@desk.example'], raw);
    expect(inbox.recorder.kept).toHaveLength(1);
    const [kept] = inbox.recorder.kept;
    expect(kept!.text).toBe(raw);
    expect(kept!.envelope).toMatchObject({
      via: 'smtp',
      from: 'ana@customer.example',
      to: ['support@desk.example'],
      remoteAddress: '127.0.0.1',
    });
    expect(kept!.envelope.helo).toBeTruthy();
    expect(kept!.keyWord).toBe('support@desk.example');
  });

  test('takes mail for its address, aliases and their plus forms only; 550 for everyone else', async () => {
    const inbox = await listening({ address: 'support@desk.example', aliases: ['help@desk.example'] });
    const takes = [
      'support@desk.example',
      'SUPPORT@Desk.example',
      'help@desk.example',
      'help+c1@desk.example',
    ];
    const { say } = await dialogue(inbox.port());
    await say('EHLO test');
    await say('MAIL FROM:<ana@customer.example>');
    for (const address of takes) expect(await say(`RCPT TO:<${address}>`)).toMatch(/^250/);
    for (const address of ['other@desk.example', 'support@other.example', 'supporter@desk.example'])
      expect(await say(`RCPT TO:<${address}>`)).toMatch(/^550 5\.1\.1/);
    expect(await say('VRFY support@desk.example')).toMatch(/^5\d\d/);
  });

  test('keeps the null return path of a bounce', async () => {
    const inbox = await listening({ address: 'support@desk.example' });
    const { say } = await dialogue(inbox.port());
    await say('EHLO test');
    expect(await say('MAIL FROM:<>')).toMatch(/^250/);
    await say('RCPT TO:<support+mabc@desk.example>');
    await say('DATA');
    expect(await say(`${sampleMail(1)}\r\n.`)).toMatch(/^250/);
    expect(inbox.recorder.kept[0]!.envelope.from).toBe('');
    expect(inbox.recorder.kept[0]!.envelope.to).toEqual(['support+mabc@desk.example']);
  });

  test('says 451 while the store is away, 250 only once the mail is durable, and nothing is doubled', async () => {
    const inbox = await listening({ address: 'support@desk.example' });
    inbox.recorder.storeAway = true;
    await expect(deliver(inbox.port(), ['support@desk.example'], sampleMail(1))).rejects.toMatchObject({
      responseCode: 451,
    });
    expect(inbox.recorder.kept).toHaveLength(0);
    inbox.recorder.storeAway = false;
    await deliver(inbox.port(), ['support@desk.example'], sampleMail(1));
    await deliver(inbox.port(), ['support@desk.example'], sampleMail(1));
    expect(inbox.recorder.kept).toHaveLength(1);
    expect(inbox.recorder.duplicates).toBe(1);
  });

  test('inboxes with the same port share a listener, and each gets its own mail', async () => {
    const first = await listening({ address: 'support@desk.example', port: await freePort() });
    const second = await listening({ address: 'billing@desk.example', port: first.port() });
    expect(second.port()).toBe(first.port());
    await deliver(first.port(), ['support@desk.example', 'billing@desk.example'], sampleMail(1));
    await deliver(first.port(), ['billing@desk.example'], sampleMail(2));
    expect(first.recorder.kept.map((each) => each.envelope.to)).toEqual([['support@desk.example']]);
    expect(second.recorder.kept.map((each) => each.envelope.to)).toEqual([
      ['billing@desk.example'],
      ['billing@desk.example'],
    ]);
    await first.stop();
    await expect(deliver(second.port(), ['support@desk.example'], sampleMail(3))).rejects.toMatchObject({
      responseCode: 550,
    });
    await deliver(second.port(), ['billing@desk.example'], sampleMail(3));
    expect(second.recorder.kept).toHaveLength(3);
  });

  test('a mail to two inboxes of which one fails is not acknowledged; the retry doubles nothing', async () => {
    const first = await listening({ address: 'support@desk.example', port: await freePort() });
    const second = await listening({ address: 'billing@desk.example', port: first.port() });
    second.recorder.storeAway = true;
    const both = ['support@desk.example', 'billing@desk.example'];
    await expect(deliver(first.port(), both, sampleMail(1))).rejects.toMatchObject({ responseCode: 451 });
    second.recorder.storeAway = false;
    await deliver(first.port(), both, sampleMail(1));
    expect([first.recorder.kept.length, second.recorder.kept.length]).toEqual([1, 1]);
  });

  test('a large mail is streamed, to several inboxes at once, and arrives whole', async () => {
    const first = await listening({ address: 'support@desk.example', port: await freePort() });
    const second = await listening({ address: 'billing@desk.example', port: first.port() });
    const raw = sampleMail(1, `\r\n${`${'x'.repeat(70)}\r\n`.repeat(100_000)}`);
    await deliver(first.port(), ['support@desk.example', 'billing@desk.example'], raw);
    for (const { recorder } of [first, second]) {
      expect(recorder.kept[0]!.streamed).toBe(true);
      expect(recorder.kept[0]!.text === raw).toBe(true);
    }
  });

  test('one record that fails amid a large mail neither hangs the others nor is acknowledged', async () => {
    const first = await listening({ address: 'support@desk.example', port: await freePort() });
    const failing = createRecorder();
    failing.record = async () => {
      throw new Error('no room');
    };
    await listening({ address: 'billing@desk.example', port: first.port(), recorder: failing });
    const raw = sampleMail(1, `\r\n${`${'x'.repeat(70)}\r\n`.repeat(100_000)}`);
    await expect(
      deliver(first.port(), ['support@desk.example', 'billing@desk.example'], raw),
    ).rejects.toMatchObject({ responseCode: 451 });
    expect(first.recorder.kept).toHaveLength(1);
  });

  test('a mail above the size limit is refused for good and leaves nothing behind', async () => {
    const inbox = await listening({ address: 'support@desk.example' });
    const { say, socket, reply } = await dialogue(inbox.port());
    const hello = await say('EHLO test');
    const limit = Number(/SIZE (\d+)/.exec(hello)![1]);
    await say('MAIL FROM:<ana@customer.example>');
    await say('RCPT TO:<support@desk.example>');
    await say('DATA');
    const chunk = Buffer.from(`${'y'.repeat(1022)}\r\n`.repeat(1024));
    for (let sent = 0; sent <= limit; sent += chunk.length)
      if (!socket.write(chunk)) await once(socket, 'drain');
    socket.write('.\r\n');
    expect(await reply()).toMatch(/^552 5\.3\.4/);
    expect(inbox.recorder.kept).toHaveLength(0);
    const announced = await dialogue(inbox.port());
    await announced.say('EHLO test');
    expect(await announced.say(`MAIL FROM:<ana@customer.example> SIZE=${limit + 1}`)).toMatch(/^552/);
  });

  test('half a mail, of a client that broke off, is never recorded', async () => {
    const inbox = await listening({ address: 'support@desk.example' });
    for (const size of [10, 40_000]) {
      const { say, socket } = await dialogue(inbox.port());
      await say('EHLO test');
      await say('MAIL FROM:<ana@customer.example>');
      await say('RCPT TO:<support@desk.example>');
      await say('DATA');
      await new Promise<void>((sent) => socket.write(`${'z'.repeat(70)}\r\n`.repeat(size), () => sent()));
      if (size > 1000) await until('the record has begun', () => inbox.recorder.attempts > 0);
      socket.destroy();
      await once(socket, 'close');
    }
    await deliver(inbox.port(), ['support@desk.example'], sampleMail(7));
    expect(inbox.recorder.kept.map((each) => each.text)).toEqual([sampleMail(7)]);
  });

  test('many mails on one connection are taken without a command limit', async () => {
    const inbox = await listening({ address: 'support@desk.example' });
    const { say } = await dialogue(inbox.port());
    await say('EHLO test');
    for (let i = 0; i < 40; i++) {
      await say('MAIL FROM:<ana@customer.example>');
      await say('RCPT TO:<support@desk.example>');
      await say('DATA');
      expect(await say(`${sampleMail(i)}\r\n.`)).toMatch(/^250/);
    }
    expect(inbox.recorder.kept).toHaveLength(40);
  });
});
