export interface StoredMessage {
  sid: string;
  accountSid: string;
  direction: 'inbound' | 'outbound-api';
  status: string;
  from: string | undefined;
  to: string;
  body: string;
  messagingServiceSid: string | undefined;
  statusCallback: string | undefined;
  media: { sid: string; type: string }[];
  date: Date;
}

const PAGE_SIZE_DEFAULT = 50;
const PAGE_SIZE_MAX = 1000;

/** As the Message resource is shown by the REST API. */
export function describeMessage(accountSid: string, message: StoredMessage): Record<string, unknown> {
  const uri = `/2010-04-01/Accounts/${accountSid}/Messages/${message.sid}`;
  const date = message.date.toUTCString().replace('GMT', '+0000');
  return {
    account_sid: accountSid,
    api_version: '2010-04-01',
    body: message.body,
    date_created: date,
    date_sent: message.direction === 'inbound' ? date : null,
    date_updated: date,
    direction: message.direction,
    error_code: null,
    error_message: null,
    from: message.from ?? null,
    messaging_service_sid: message.messagingServiceSid ?? null,
    num_media: String(message.media.length),
    num_segments: '1',
    price: null,
    price_unit: 'USD',
    sid: message.sid,
    status: message.status,
    subresource_uris: { media: `${uri}/Media.json` },
    to: message.to,
    uri: `${uri}.json`,
  };
}

/** One page, newest first, with the filters of the Messages list. */
export function listMessages(
  messages: readonly StoredMessage[],
  path: string,
  url: URL,
): Record<string, unknown> {
  const query = url.searchParams;
  const size = Math.min(Number(query.get('PageSize') ?? PAGE_SIZE_DEFAULT), PAGE_SIZE_MAX);
  const page = Number(query.get('Page') ?? 0);
  const after = query.get('DateSent>');
  const before = query.get('DateSent<');
  const found = messages
    .filter((one) => !query.has('To') || one.to === query.get('To'))
    .filter((one) => !query.has('From') || one.from === query.get('From'))
    .filter((one) => !after || one.date >= new Date(after))
    .filter((one) => !before || one.date <= new Date(before))
    .toSorted((a, b) => b.date.getTime() - a.date.getTime());
  const next = new URLSearchParams(query);
  next.set('Page', String(page + 1));
  next.set('PageToken', `PA${found[(page + 1) * size - 1]?.sid ?? ''}`);
  const more = found.length > (page + 1) * size;
  return {
    messages: found.slice(page * size, (page + 1) * size).map((one) => describeMessage(one.accountSid, one)),
    page,
    page_size: size,
    uri: `${path}?${query}`,
    first_page_uri: `${path}?PageSize=${size}&Page=0`,
    next_page_uri: more ? `${path}?${next}` : null,
    previous_page_uri: null,
    start: page * size,
    end: Math.min((page + 1) * size, found.length) - 1,
  };
}
