/** Sums up a run: `count-tests.ts CHECKS JEST_JSON`. Prints what failed, then `N passed, N failed` as the last line. */
import { existsSync, readFileSync } from 'node:fs';

interface JestResults {
  numPassedTests: number;
  numFailedTests: number;
  /** Test files that could not even be loaded; they have no failed test to be counted by. */
  numRuntimeErrorTestSuites: number;
  /** False too where every test has passed but the run itself was broken (its set-up, an interruption). */
  success: boolean;
}

const [checksPath, ...jestPaths] = process.argv.slice(2);
if (!checksPath || jestPaths.length === 0) throw new Error('usage: count-tests.ts CHECKS JEST_JSON...');

const checks = readFileSync(checksPath, 'utf8').split('\n').filter(Boolean);
const failedChecks = checks.filter((line) => line.startsWith('fail '));
for (const line of failedChecks) console.log(`✗ ${line.slice('fail '.length)}`);

let passed = checks.length - failedChecks.length;
let failed = failedChecks.length;
for (const path of jestPaths) {
  const jest = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as JestResults) : undefined;
  if (!jest) console.log('✗ jest ended without results');
  passed += jest?.numPassedTests ?? 0;
  const failedTests = jest ? jest.numFailedTests + jest.numRuntimeErrorTestSuites : 1;
  const brokenRun = jest && !jest.success && failedTests === 0 ? 1 : 0;
  if (brokenRun) console.log('✗ jest calls the run failed although no test failed');
  failed += failedTests + brokenRun;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
