import { rm } from 'node:fs/promises';

export default async function teardown(): Promise<void> {
  const started = globalThis.earshotTestServices;
  if (!started) return;
  await started.services.close();
  await rm(started.dataDir, { recursive: true, force: true });
}
