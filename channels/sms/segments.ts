import { SegmentedMessage } from 'sms-segments-calculator';

export interface SegmentCount {
  count: number;
  encoding: 'GSM-7' | 'UCS-2';
}

/** What the carrier bills: 160 (then 153) septets of GSM-7, or 70 (then 67) UTF-16 units each (3GPP TS 23.038). */
export function countSegments(text: string): SegmentCount {
  const message = new SegmentedMessage(text);
  return { count: message.segmentsCount, encoding: message.encodingName };
}

export function describeSegments(text: string): string {
  const { count, encoding } = countSegments(text);
  return `${count} ${count === 1 ? 'segment' : 'segments'}, ${encoding}`;
}
