import { mkdir, statfs } from 'node:fs/promises';
import type { Env } from '../../../config/env.ts';
import { isPublicHost } from '../../lib/public-address.ts';
import { type Finding, fail, warn, well } from './finding.ts';

const NODE_MIN_MAJOR = 24;
const GIB = 1024 ** 3;
/** MongoDB stops taking writes on a full disk; a day of a busy desk fits into this. */
const DISK_WARN_GIB = 2;
const DISK_FAIL_GIB = 0.2;

export function checkNode(): Finding {
  const major = Number(process.versions.node.split('.', 1)[0]);
  if (major >= NODE_MIN_MAJOR) return well('Node', `${process.version} at ${process.execPath}`);
  return fail(
    'Node',
    `${process.version} is too old; use ${NODE_MIN_MAJOR} or newer, or start ./script/earshot`,
  );
}

export function checkPublicUrl({ publicUrl }: Env): Finding {
  const { protocol, hostname } = new URL(publicUrl);
  const advice = 'set PUBLIC_URL to the https address that providers call';
  if (!isPublicHost(hostname))
    return warn('public address', `${publicUrl} is reached from this machine or network only; ${advice}`);
  if (protocol !== 'https:') return warn('public address', `${publicUrl} is not https; ${advice}`);
  return well('public address', publicUrl);
}

export async function checkDisk(dataDir: string): Promise<Finding> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const { bavail, bsize } = await statfs(dataDir);
  const free = (bavail * bsize) / GIB;
  const detail = `${free.toFixed(1)} GiB free at ${dataDir}`;
  if (free < DISK_FAIL_GIB) return fail('disk', `${detail}; make room before MongoDB stops`);
  return free < DISK_WARN_GIB ? warn('disk', `${detail}; make room soon`) : well('disk', detail);
}
