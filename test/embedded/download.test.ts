import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const DOWNLOAD = fileURLToPath(new URL('./download-process.ts', import.meta.url));
const PROGRAM = '#!/bin/sh\necho "db version v8.2.6"\n';
const exec = promisify(execFile);

let folder: string;
let server: Server;
let checksum: string;

/** MongoDB's download site with an archive of one small program, under a certificate that nobody trusts. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'earshot-download-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert];
  await exec('openssl', [...made, ...subject]);
  await mkdir(join(folder, 'release', 'bin'), { recursive: true });
  await writeFile(join(folder, 'release', 'bin', 'mongod'), PROGRAM);
  await exec('tar', ['-czf', join(folder, 'release.tgz'), '-C', folder, 'release']);
  const archive = await readFile(join(folder, 'release.tgz'));
  checksum = createHash('md5').update(archive).digest('hex');
  server = createServer({ key: await readFile(key), cert: await readFile(cert) }, (request, response) => {
    const body = request.url?.endsWith('.md5') ? Buffer.from(`${checksum}  release.tgz`) : archive;
    response.setHeader('content-length', body.length).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
});

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

async function download(destination: string, trusted: boolean): Promise<string> {
  const mirror = `https://localhost:${(server.address() as AddressInfo).port}`;
  const env: NodeJS.ProcessEnv = { PATH: process.env.PATH, MONGOMS_DOWNLOAD_MIRROR: mirror };
  if (trusted) env.NODE_EXTRA_CA_CERTS = join(folder, 'cert.pem');
  const { stdout } = await exec(process.execPath, [DOWNLOAD, '8.2.6', destination], { env });
  return stdout.trim();
}

describe("MongoDB's download", () => {
  test('the program appears whole under its name, and nothing beside it', async () => {
    expect(await download(join(folder, 'good', 'mongod'), true)).toBe('ok');
    expect(await readFile(join(folder, 'good', 'mongod'), 'utf8')).toBe(PROGRAM);
    expect(await readdir(join(folder, 'good'))).toEqual(['mongod']);
  });

  test('a server without a trusted certificate is refused: a program from it would run as the user', async () => {
    expect(await download(join(folder, 'untrusted', 'mongod'), false)).toMatch(/self-signed certificate/);
    expect(await readdir(join(folder, 'untrusted'))).toEqual([]);
  });

  test('an archive that differs from its published checksum is refused', async () => {
    const right = checksum;
    checksum = right.replace(/^./, (digit) => (digit === '0' ? '1' : '0'));
    try {
      expect(await download(join(folder, 'broken', 'mongod'), true)).toMatch(/MD5/i);
      expect(await readdir(join(folder, 'broken'))).toEqual([]);
    } finally {
      checksum = right;
    }
  });
});
