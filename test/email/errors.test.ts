import { describe, expect, test } from '@jest/globals';
import { describeSmtpError, type SendPhase, type SmtpFailure } from '../../channels/email/errors.ts';

/** A reply of the server: text, command, and the library's code for it. */
const reply = (response: string, command = 'RCPT TO', code = 'EENVELOPE'): SmtpFailure => ({
  code,
  command,
  response,
  responseCode: Number(response.slice(0, 3)),
});

describe('what a reply of the mail server means', () => {
  test.each<[string, SmtpFailure, string, string]>([
    [
      'closing down',
      reply('421 4.3.2 Service shutting down', 'CONN', 'ECONNECTION'),
      'rate_limited',
      'limited',
    ],
    ['greylisted', reply('450 4.7.1 Greylisted, try again in 5 minutes'), 'rate_limited', 'limited'],
    ['greylisted without a status', reply('451 Greylisted'), 'rate_limited', 'limited'],
    ['too many mails', reply('452 4.5.3 Too many recipients'), 'rate_limited', 'limited'],
    ['busy without a status', reply('452 Try later'), 'rate_limited', 'limited'],
    ['mailbox full for now', reply('452 4.2.2 Mailbox full'), 'recipient_mailbox_full', 'transient'],
    ['mailbox full', reply('552 5.2.2 Quota exceeded'), 'recipient_mailbox_full', 'transient'],
    ['mailbox full in words', reply('552 Mailbox is full'), 'recipient_mailbox_full', 'transient'],
    [
      'no room at the server',
      reply('452 4.3.1 Insufficient storage', 'DATA', 'EMESSAGE'),
      'provider_unavailable',
      'transient',
    ],
    ['local error', reply('451 4.3.0 Local error', 'DATA', 'EMESSAGE'), 'provider_unavailable', 'transient'],
    ['no route for now', reply('450 4.4.1 Host unreachable'), 'provider_unavailable', 'transient'],
    ['bad sequence', reply('503 Bad sequence', 'MAIL FROM'), 'provider_unavailable', 'transient'],
    ['no such user', reply('550 5.1.1 No such user'), 'recipient_invalid', 'permanent'],
    ['no such domain', reply('550 5.1.2 Bad domain'), 'recipient_invalid', 'permanent'],
    ['no such user, without a status', reply('550 No such user'), 'recipient_invalid', 'permanent'],
    ['not local', reply('551 User not local'), 'recipient_invalid', 'permanent'],
    ['mailbox disabled', reply('550 5.2.1 Mailbox disabled'), 'recipient_unreachable', 'permanent'],
    ['no route', reply('550 5.4.4 Unroutable'), 'recipient_unreachable', 'permanent'],
    ['sender unknown', reply('550 5.1.8 Bad sender', 'MAIL FROM'), 'sender_misconfigured', 'permanent'],
    [
      'sender refused, without a status',
      reply('550 Go away', 'MAIL FROM'),
      'sender_misconfigured',
      'permanent',
    ],
    ['relaying denied', reply('554 5.7.1 Relay access denied'), 'sender_misconfigured', 'permanent'],
    [
      'no such user at a domain called relay',
      reply('550 5.1.1 <ana@relay.example>: unknown'),
      'recipient_invalid',
      'permanent',
    ],
    ['quota of the day', reply('550 5.4.5 Daily user sending limit exceeded'), 'rate_limited', 'limited'],
    ['system takes no mail', reply('550 5.3.2 Not accepting mail'), 'recipient_unreachable', 'permanent'],
    [
      'dangerous content',
      reply('552 5.7.0 Blocked: potential security issue', 'DATA', 'EMESSAGE'),
      'content_rejected',
      'permanent',
    ],
    ['bad sequence with a status', reply('503 5.5.1 Bad sequence'), 'provider_unavailable', 'transient'],
    [
      'DMARC failed',
      reply('550 5.7.26 Unauthenticated email', 'DATA', 'EMESSAGE'),
      'sender_misconfigured',
      'permanent',
    ],
    [
      'policy',
      reply('550 5.7.1 Message refused by policy', 'DATA', 'EMESSAGE'),
      'content_rejected',
      'permanent',
    ],
    [
      'spam, without a status',
      reply('554 Looks like spam', 'DATA', 'EMESSAGE'),
      'content_rejected',
      'permanent',
    ],
    ['content', reply('554 5.6.0 Bad content', 'DATA', 'EMESSAGE'), 'content_rejected', 'permanent'],
    ['too large', reply('552 5.3.4 Too big', 'MAIL FROM'), 'content_too_large', 'permanent'],
    [
      'too large for the mailbox',
      reply('552 5.2.3 Too big', 'DATA', 'EMESSAGE'),
      'content_too_large',
      'permanent',
    ],
    [
      'too large, without a status',
      reply('552 Message size exceeds fixed limit', 'DATA', 'EMESSAGE'),
      'content_too_large',
      'permanent',
    ],
    [
      'wrong password',
      reply('535 5.7.8 Bad credentials', 'AUTH PLAIN', 'EAUTH'),
      'credentials_rejected',
      'transient',
    ],
    [
      'login wanted',
      reply('530 5.7.0 Authentication required', 'MAIL FROM'),
      'credentials_rejected',
      'transient',
    ],
    [
      'login not possible now',
      reply('454 4.7.0 Temporary failure', 'AUTH PLAIN', 'EAUTH'),
      'provider_unavailable',
      'transient',
    ],
    [
      'our address is blocked',
      reply('554 No SMTP service here', 'CONN', 'EPROTOCOL'),
      'permission_denied',
      'transient',
    ],
  ])('%s', (_what, failure, code, disposition) => {
    // A reply is certain in any phase: the server has said that it did not take the mail.
    for (const phase of ['before-end', 'after-end'] as const)
      expect(describeSmtpError(failure, phase)).toMatchObject({ code, disposition });
  });

  test('whoever asks us to wait is not asked again at once', () => {
    for (const response of ['421 4.3.2 bye', '450 4.7.1 Greylisted', '452 4.2.2 Full', '535 5.7.8 No'])
      expect(describeSmtpError(reply(response), 'before-end').retryAfterMs).toBeGreaterThanOrEqual(60_000);
  });

  test("the agent reads the server's own words, in one line of bounded length", () => {
    const error = describeSmtpError(
      reply(`550-5.1.1 No such user\n550 5.1.1 ${'really '.repeat(200)}`),
      'before-end',
    );
    expect(error.providerCode).toBe('550 5.1.1');
    expect(error.message).toContain('No such user');
    expect(error.message).not.toContain('\n');
    expect(error.message.length).toBeLessThan(500);
  });
});

describe('what a failure without a reply means', () => {
  test.each<[string, SendPhase, string, string]>([
    ['ESOCKET', 'before-end', 'connection_failed', 'transient'],
    ['ECONNECTION', 'before-end', 'connection_failed', 'transient'],
    ['EDNS', 'before-end', 'connection_failed', 'transient'],
    ['ETLS', 'before-end', 'connection_failed', 'transient'],
    ['EPROXY', 'before-end', 'connection_failed', 'transient'],
    ['EPROTOCOL', 'before-end', 'provider_unavailable', 'transient'],
    ['ETIMEDOUT', 'before-end', 'timed_out', 'transient'],
    ['EABORT', 'before-end', 'aborted', 'transient'],
    ['ESOCKET', 'after-end', 'connection_failed', 'unknown'],
    ['ECONNECTION', 'after-end', 'connection_failed', 'unknown'],
    ['EPROTOCOL', 'after-end', 'provider_unavailable', 'unknown'],
    ['ETIMEDOUT', 'after-end', 'timed_out', 'unknown'],
    ['EABORT', 'after-end', 'aborted', 'unknown'],
    ['EWHATEVER', 'after-end', 'unknown_error', 'unknown'],
    ['EWHATEVER', 'before-end', 'unknown_error', 'transient'],
    ['ESTREAM', 'before-end', 'media_unavailable', 'transient'],
    ['EAUTH', 'before-end', 'credentials_rejected', 'transient'],
    ['ENOAUTH', 'before-end', 'credentials_rejected', 'transient'],
    ['EOAUTH2', 'before-end', 'credentials_rejected', 'transient'],
    ['EENVELOPE', 'before-end', 'recipient_invalid', 'permanent'],
    ['EMAXRECIPIENTS', 'before-end', 'recipient_invalid', 'permanent'],
    ['EMESSAGE', 'before-end', 'content_too_large', 'permanent'],
    ['ECONFIG', 'before-end', 'bad_configuration', 'permanent'],
    ['EREQUIRETLS', 'before-end', 'bad_configuration', 'permanent'],
    ['EFILEACCESS', 'before-end', 'content_rejected', 'permanent'],
    ['EURLACCESS', 'before-end', 'content_rejected', 'permanent'],
  ])('%s %s', (library, phase, code, disposition) => {
    expect(describeSmtpError({ code: library, command: 'CONN' }, phase)).toMatchObject({
      code,
      disposition,
      providerCode: library,
    });
  });
});
