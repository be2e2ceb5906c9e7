import { queueMedia } from '../../src/conversations/media-work.ts';
import type { WorkerDeps } from '../deps.ts';
import type { Plan } from './plan.ts';

/** Has attachments that lie at the provider fetched beside the path. */
export async function keepMedia(
  { store, queues }: Pick<WorkerDeps, 'store' | 'queues'>,
  plans: Plan[],
): Promise<void> {
  const ids = await queueMedia(
    store,
    plans.flatMap(({ draft }) =>
      draft.message.attachments.flatMap(({ remote }, index) =>
        remote ? [{ message: draft.id, index, inbox: draft.delivery.inbox.id, remote }] : [],
      ),
    ),
  );
  for (const id of ids) queues.wake('media', id);
}
