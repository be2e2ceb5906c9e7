import { queueMedia } from '../../src/conversations/media-work.ts';
import type { WorkerDeps } from '../deps.ts';
import type { Draft } from './draft.ts';

/** Has attachments that lie at the provider fetched beside the path. Done twice, it is done once. */
export async function keepMedia(
  { store, queues }: Pick<WorkerDeps, 'store' | 'queues'>,
  drafts: Draft[],
): Promise<void> {
  const ids = await queueMedia(
    store,
    drafts.flatMap(({ id, message, delivery }) =>
      message.attachments.flatMap(({ remote }, index) =>
        remote ? [{ message: id, index, inbox: delivery.inbox.id, remote }] : [],
      ),
    ),
  );
  for (const id of ids) queues.wake('media', id);
}
