/** How Twilio's API words its answers. */
import type http from 'node:http';
import type { Refusal } from './twilio-rules.ts';

export const NOT_FOUND: Refusal = {
  status: 404,
  code: 20404,
  message: 'The requested resource was not found',
};

export function refuse(
  response: http.ServerResponse,
  refusal: Refusal,
  headers: Record<string, string> = {},
): void {
  const { status, code, message } = refusal;
  const moreInfo = `https://www.twilio.com/docs/errors/${code}`;
  response.writeHead(status, { ...headers, 'content-type': 'application/json' });
  response.end(JSON.stringify({ code, message, more_info: moreInfo, status }));
}

export function json(response: http.ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

export function paramsOf(form: URLSearchParams): Record<string, string | string[]> {
  const params: Record<string, string | string[]> = {};
  for (const key of new Set(form.keys())) {
    const values = form.getAll(key);
    params[key] = values.length === 1 ? values[0]! : values;
  }
  return params;
}
