/** A process that uses the services of a data folder, as Earshot does: `opener.ts DATA_DIR CACHE_DIR`. */
import { openServices } from '../../src/embedded/index.ts';

const [dataDir, cacheDir] = process.argv.slice(2);
if (!dataDir || !cacheDir) throw new Error('usage: opener.ts DATA_DIR CACHE_DIR');

const services = await openServices({ dataDir, cacheDir, log: (line) => console.error(line) });
process.on('SIGTERM', () => void services.close().then(() => process.exit(0)));
console.log(JSON.stringify({ mongodbUri: services.mongodbUri, redisUrl: services.redisUrl }));
setInterval(() => {}, 60_000); // a server does not end by itself
