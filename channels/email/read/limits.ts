/** What one mail may cost. Structure that goes beyond is read plainly (see read-plainly.ts), never refused. */

/** Bytes of a whole mail. The only limit that makes `normalise` throw. */
export const MAIL_BYTES_MAX = 64 * 1024 * 1024;

/** MIME nodes of one mail, multiparts included. */
export const PARTS_MAX = 1000;

/** Multiparts inside each other: each open one is compared with each line that begins with two dashes. */
export const DEPTH_MAX = 50;

/** Bytes of the header of one MIME node. */
export const HEADER_BYTES_MAX = 1024 * 1024;

/** Characters of one header field that are looked at; of longer ones the beginning. */
export const FIELD_CHARS_MAX = 64 * 1024;

/** Characters of one encoded subject that are decoded. */
export const SUBJECT_FIELD_CHARS_MAX = 8 * 1024;

/** Bytes of one text part that are read as text; a longer part is an attachment as well. */
export const TEXT_PART_BYTES_MAX = 1024 * 1024;

/** Bytes of all text parts of one mail together that are read as text. */
export const TEXT_TOTAL_BYTES_MAX = 2 * 1024 * 1024;

/** Characters of HTML that are given to the sanitiser and to the text converter, which block while they work. */
export const HTML_CHARS_MAX = 128 * 1024;

/** Tags of it: each costs both parsers some microseconds. */
export const HTML_TAGS_MAX = 12_000;

/** Tags open at once: both HTML parsers take quadratic time in it. */
export const HTML_DEPTH_MAX = 400;

/** Characters of text in which quotes and signatures are looked for; what lies behind is kept as it is. */
export const CUT_CHARS_MAX = 128 * 1024;

/** Bytes of each part of a delivery report that are looked at. */
export const REPORT_PART_BYTES_MAX = 128 * 1024;

/** Bytes of all those parts together that are kept of a big mail. */
export const REPORT_TOTAL_BYTES_MAX = 1024 * 1024;

/** Recipients of one delivery report that are reported on. */
export const REPORT_RECIPIENTS_MAX = 100;

/** Bytes of a mail that cannot be taken apart which are shown as its text. */
export const PLAIN_READING_BYTES_MAX = 64 * 1024;
