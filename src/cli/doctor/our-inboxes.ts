import type { House } from '../../main.ts';
import { probeInbox } from '../probe-inbox.ts';
import { type Finding, fail, look, warn, well } from './finding.ts';

export async function checkInboxes(house: House): Promise<Finding[]> {
  const views = await (await house.openInboxes()).list();
  if (views.length === 0)
    return [warn('inboxes', 'there is none; add one: earshot inbox add KIND --id ID --config @FILE')];
  const findings: Finding[] = [];
  for (const { id, kind, paused, health } of views) {
    const what = `inbox ${id} (${kind})`;
    if (paused) findings.push(warn(what, `paused; go on with: earshot inbox resume ${id}`));
    else if (health.state === 'failing' || health.state === 'silent')
      findings.push(fail(what, `${health.state}: ${health.message ?? health.code ?? 'it gives no reason'}`));
    findings.push(...(await look(what, () => probe(house, id, what))));
  }
  return findings;
}

async function probe(house: House, id: string, what: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  for await (const { step, ok, detail } of probeInbox(house, id))
    findings.push((ok ? well : fail)(what, `${step}: ${detail}`));
  return findings;
}
