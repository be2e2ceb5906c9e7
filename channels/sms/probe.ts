import type { ChannelDeps, ProbeStep } from '../../src/contract/index.ts';
import type { SmsConfig } from './config.ts';
import { openRestClient, type RestClient, toChannelError } from './rest-client.ts';

/** Whether Twilio knows the account and takes our credentials; sends nothing. */
export async function* probe(
  config: SmsConfig,
  deps: Pick<ChannelDeps, 'fetch'>,
  signal: AbortSignal,
): AsyncIterable<ProbeStep> {
  let rest: RestClient | undefined;
  try {
    rest = await openRestClient(config, deps, signal);
    const account = await rest.twilio.api.v2010.accounts(config.accountSid).fetch();
    const active = account.status === 'active';
    yield {
      step: 'account',
      ok: active,
      detail: active ? `${account.friendlyName} is active` : `The account is ${account.status}`,
    };
  } catch (error) {
    const { code, message } = toChannelError(error, rest);
    yield { step: 'account', ok: false, detail: `${code}: ${message}` };
  }
}
