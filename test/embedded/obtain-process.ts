/** Looks for one program with the PATH it was started with: `obtain-process.ts mongod|redis CACHE_DIR`. */
import { obtainMongod } from '../../src/embedded/obtain-mongod.ts';
import { obtainRedis } from '../../src/embedded/obtain-redis.ts';

const [program, cacheDir] = process.argv.slice(2);
if (!program || !cacheDir) throw new Error('usage: obtain-process.ts mongod|redis CACHE_DIR');

const log: string[] = [];
const obtain = program === 'mongod' ? obtainMongod : obtainRedis;
const found = await obtain(cacheDir, (line) => void log.push(line)).then(
  (path) => ({ path }),
  ({ code, message }) => ({ code, message }),
);
console.log(JSON.stringify({ ...found, log: log.join('\n') }));
