/** Downloads mongod: `download-process.ts VERSION DESTINATION`; prints `ok` or the error. */
import { downloadMongod } from '../../src/embedded/download-mongod.ts';

const [version, destination] = process.argv.slice(2);
if (!version || !destination) throw new Error('usage: download-process.ts VERSION DESTINATION');

await downloadMongod(version, destination, () => {}).then(
  () => console.log('ok'),
  (error) => console.log(String(error)),
);
