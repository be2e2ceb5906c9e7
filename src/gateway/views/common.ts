import mongoose from 'mongoose';
import { z } from 'zod';
import { IDENTITY_KINDS } from '../../contract/index.ts';
import { Problem } from '../problem.ts';

const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 200;
const SEARCH_MAX_CHARS = 200;
const CURSOR_MAX_CHARS = 200;

export const idSchema = z.string().describe('24 hexadecimal digits');
export const timeSchema = z.iso.datetime().describe('ISO 8601, UTC');

export const addressView = z
  .object({ kind: z.enum(IDENTITY_KINDS), value: z.string(), name: z.string().optional() })
  .meta({ id: 'Address' });

export const problemView = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    code: z.string().describe('Stable; see docs/errors.md'),
    requestId: z.string(),
  })
  .loose()
  .meta({ id: 'Problem' });

export const idParams = z.strictObject({ id: idSchema });
export const searchSchema = z.string().trim().min(1).max(SEARCH_MAX_CHARS);

/** Every list is paged alike. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(LIMIT_DEFAULT),
  cursor: z.string().max(CURSOR_MAX_CHARS).optional(),
};

export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

/** One value, or several with commas between. */
export function listOf<const V extends readonly string[]>(values: V) {
  return z
    .string()
    .transform((text) => text.split(',').map((part) => part.trim()))
    .pipe(z.array(z.enum(values)).min(1));
}

/** A document's id; one that cannot be an id names nothing: 404 with `code`. */
export function objectId(text: string, code: string): mongoose.Types.ObjectId {
  if (/^[a-f0-9]{24}$/i.test(text)) return new mongoose.Types.ObjectId(text);
  throw new Problem(404, code, `There is none with the id "${text.slice(0, 64)}".`);
}

const badCursor = () =>
  new Problem(400, 'invalid_cursor', 'Pass `nextCursor` of the page before, as it was.');

/** Opaque: the words that name where a page ended. */
export const makeCursor = (...words: (string | number)[]) =>
  Buffer.from(words.join(' ')).toString('base64url');

export function readCursor(cursor: string | undefined, pattern: RegExp): RegExpExecArray | undefined {
  if (cursor === undefined) return undefined;
  const match = pattern.exec(Buffer.from(cursor, 'base64url').toString());
  if (!match) throw badCursor();
  return match;
}

/** Where a page of documents, newest first, ended. */
export function readIdCursor(cursor: string | undefined): mongoose.Types.ObjectId | undefined {
  const match = readCursor(cursor, /^([a-f0-9]{24})$/);
  return match && new mongoose.Types.ObjectId(match[1]!);
}

/** `rows` were asked for with one more than the page holds: that one says that there is a next page. */
export function cutPage<T>(
  rows: T[],
  limit: number,
  cursorOf: (last: T) => string,
): { page: T[]; nextCursor: string | null } {
  const page = rows.slice(0, limit);
  return { page, nextCursor: rows.length > limit ? cursorOf(page.at(-1)!) : null };
}
