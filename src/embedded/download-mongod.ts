import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { dirname, join } from 'node:path';
import { DryMongoBinary } from 'mongodb-memory-server-core/lib/util/DryMongoBinary.js';
import { MongoBinaryDownload } from 'mongodb-memory-server-core/lib/util/MongoBinaryDownload.js';

/** One: when it fails, the next way is tried, which is quicker than waiting for this one to recover. */
const ATTEMPTS = 1;
const STALLED_MS = 20_000;
const PROGRESS_EVERY_MS = 3_000;
const MIB = 1_048_576;

/** The downloader with certificates checked (its own default accepts any), one attempt, and our log. */
class QuietDownload extends MongoBinaryDownload {
  override httpDownload(url: URL, options: RequestOptions, to: string, temporary: string): Promise<string> {
    return super.httpDownload(
      url,
      { ...options, rejectUnauthorized: true },
      to,
      temporary,
      ATTEMPTS,
      0,
      STALLED_MS,
    );
  }

  override printDownloadProgress(chunk: { length: number }): void {
    this.dlProgress.current += chunk.length;
  }
}

/** Downloads one mongod from MongoDB; `destination` appears whole, by rename, or not at all. */
export async function downloadMongod(
  version: string,
  destination: string,
  log: (line: string) => void,
): Promise<void> {
  log(`MongoDB: downloading mongod ${version}`);
  await mkdir(dirname(destination), { recursive: true });
  // A folder of our own, so that two processes never write one archive, and a rename at the end.
  const work = await mkdtemp(join(dirname(destination), '.fetch-'));
  try {
    // Finds out which of MongoDB's builds fits this system.
    const wanted = await DryMongoBinary.generateOptions({ version, downloadDir: work });
    const downloader = new QuietDownload({ ...wanted, checkMD5: true });
    const every = setInterval(() => {
      const { current, totalMb } = downloader.dlProgress;
      log(`MongoDB: ${Math.round(current / MIB)} of ${totalMb} MB`);
    }, PROGRESS_EVERY_MS);
    try {
      await rename(await downloader.getMongodPath(), destination);
    } finally {
      clearInterval(every);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
