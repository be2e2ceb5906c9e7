const EXTENSIONS: Readonly<Record<string, string>> = {
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/gif': 'gif',
  'image/webp': 'webp',
  'image/heic': 'heic',
  'image/bmp': 'bmp',
  'audio/amr': 'amr',
  'audio/mpeg': 'mp3',
  'audio/mp4': 'm4a',
  'audio/ogg': 'ogg',
  'video/mp4': 'mp4',
  'video/3gpp': '3gp',
  'video/quicktime': 'mov',
  'text/plain': 'txt',
  'text/vcard': 'vcf',
  'text/x-vcard': 'vcf',
  'text/calendar': 'ics',
  'application/pdf': 'pdf',
};

const SID_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;

/** MMS carries no file names: the media's SID, which ends its URL, with an ending that fits the type. */
export function mediaName(url: string, type: string, index: number): string {
  const last = url.split(/[?#]/, 1)[0]!.split('/').at(-1) ?? '';
  const stem = SID_PATTERN.test(last) ? last : `media-${index}`;
  const extension = EXTENSIONS[type.split(';', 1)[0]!.trim().toLowerCase()];
  return extension ? `${stem}.${extension}` : stem;
}
