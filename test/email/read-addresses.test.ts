import { describe, expect, test } from '@jest/globals';
import {
  isOwn,
  messageIdOf,
  readPlus,
  replyAddress,
  returnPath,
  tokenOfMessageId,
} from '../../channels/email/addresses.ts';
import { CONFIG, CONVERSATION_TOKEN, MESSAGE_TOKEN } from './read-harness.ts';

describe('our own addresses', () => {
  test('what is built can be read back', () => {
    const reply = replyAddress('Support@Shop.example', CONVERSATION_TOKEN);
    expect(readPlus(reply)).toEqual({ base: 'support@shop.example', plus: CONVERSATION_TOKEN });
    expect(isOwn(reply, CONFIG)).toBe(true);
    expect(readPlus(returnPath('a+b@x.example', MESSAGE_TOKEN))).toEqual({
      base: 'a+b@x.example',
      plus: MESSAGE_TOKEN,
    });
    expect(tokenOfMessageId(messageIdOf(MESSAGE_TOKEN, 'shop.example'))).toBe(MESSAGE_TOKEN);
  });

  test.each([
    ['support@shop.example', true],
    ['SUPPORT+x@shop.example', true],
    ['help+a+b@shop.example', true],
    ['support@evil.example', false],
    ['support+x@evil.example', false],
    ['notsupport@shop.example', false],
    ['support@shop.example.evil.example', false],
    ['supports+x@shop.example', false],
    ['', false],
  ])('isOwn(%s) is %s', (address, own) => {
    expect(isOwn(address, CONFIG)).toBe(own);
  });
});
