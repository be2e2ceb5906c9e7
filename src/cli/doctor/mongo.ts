import { INDEXES } from '../../main.ts';
import type { Store } from '../../store/connect.ts';
import { type Finding, fail, warn, well } from './finding.ts';

const MIN_MAJOR = 6;
/** Leases and due times are compared across machines; this much is well inside every lease. */
const SKEW_MAX_MS = 2_000;

export async function checkMongo(store: Store, now: Date): Promise<Finding[]> {
  const admin = store.db.admin();
  const [build, hello] = await Promise.all([admin.command({ buildInfo: 1 }), admin.command({ hello: 1 })]);
  const version = String(build.version);
  const isOld = Number(version.split('.', 1)[0]) < MIN_MAJOR;
  const skewMs = Math.abs((hello.localTime as Date).getTime() - now.getTime());
  return [
    isOld
      ? fail('MongoDB', `version ${version} is too old; use ${MIN_MAJOR}.0 or newer`)
      : well('MongoDB', `version ${version}, database "${store.db.databaseName}"`),
    hello.setName
      ? well('replica set', `"${hello.setName}", ${hello.hosts?.length ?? 1} member(s)`)
      : warn(
          'replica set',
          'none; a set, even of one member, survives cut connections better and lets "tail" work',
        ),
    skewMs > SKEW_MAX_MS
      ? fail('clock', `${Math.round(skewMs / 1000)} s apart from MongoDB's; run NTP on both machines`)
      : well('clock', `${skewMs} ms apart from MongoDB's`),
  ];
}

/** The start makes those that are missing; one that is missing now was dropped by hand, or could not be made. */
export async function checkIndexes(store: Store): Promise<Finding> {
  const missing: string[] = [];
  for (const collection of new Set(INDEXES.map((spec) => spec.collection))) {
    const present = await store.collection(collection).indexes();
    const names = new Set(present.map((index) => JSON.stringify(index.key)));
    for (const { keys } of INDEXES.filter((spec) => spec.collection === collection))
      if (keys && !names.has(JSON.stringify(keys))) missing.push(`${collection} ${JSON.stringify(keys)}`);
  }
  if (missing.length > 0)
    return fail('indexes', `missing: ${missing.join(', ')}; restart Earshot to make them`);
  return well('indexes', 'all are there');
}
