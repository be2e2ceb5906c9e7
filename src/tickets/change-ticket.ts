import type mongoose from 'mongoose';
import { type Author, addActivity } from '../conversations/add-note.ts';
import { type Refused, refuse } from '../lib/refused.ts';
import { DURABLE, type Store } from '../store/connect.ts';
import type { Category, Priority } from '../triage/types.ts';
import { TICKETS, type TicketDoc } from './model.ts';
import { TICKET_MOVES, type TicketStatus } from './status.ts';

type ObjectId = mongoose.Types.ObjectId;

/** A change is made against what was read; a ticket that moved meanwhile is read again, this often at most. */
const ATTEMPTS = 20;
const TAGS_MAX = 50;

export interface TicketChange {
  status?: TicketStatus | undefined;
  priority?: Priority | undefined;
  category?: Category | undefined;
  /** null: nobody. */
  assignee?: { id: ObjectId; name: string } | null | undefined;
  /** All of them anew. */
  tags?: string[] | undefined;
  addTags?: string[] | undefined;
  removeTags?: string[] | undefined;
}

export type ChangedTicket = { ok: true; ticket: TicketDoc };

/** Changes a ticket and says so on it, a line for each thing that is different afterwards. */
export async function changeTicket(
  store: Store,
  id: ObjectId,
  change: TicketChange,
  author: Author,
  now: Date,
): Promise<ChangedTicket | Refused> {
  const tickets = store.collection<TicketDoc>(TICKETS);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const before = await tickets.findOne({ _id: id });
    if (!before) return refuse(404, 'ticket_unknown', 'There is no such ticket.');
    const steps = stepsOf(before, change, author, now);
    if (!Array.isArray(steps)) return steps;
    if (steps.length === 0) return { ok: true, ticket: before };
    const ticket = await tickets.findOneAndUpdate(
      { _id: id, status: before.status, tags: before.tags },
      {
        $set: Object.assign({ updatedAt: now }, ...steps.map((step) => step.set)),
        $unset: Object.assign({}, ...steps.map((step) => step.unset)),
      },
      { returnDocument: 'after', ...DURABLE },
    );
    if (!ticket) continue;
    for (const step of steps)
      await addActivity(
        store,
        { ticket: id, inbox: ticket.inbox, channel: ticket.channel },
        author,
        step.activity,
        step.text,
        now,
      );
    return { ok: true, ticket };
  }
  return refuse(409, 'ticket_changed', 'The ticket is being changed by others just now. Try again.');
}

interface Step {
  activity: string;
  text: string;
  set: Record<string, unknown>;
  unset: Record<string, ''>;
}

function stepsOf(before: TicketDoc, change: TicketChange, author: Author, now: Date): Step[] | Refused {
  const steps: Step[] = [];
  const step = (activity: string, text: string, set: Step['set'], unset: Step['unset'] = {}) =>
    steps.push({ activity, text: `${author.name} ${text}`, set, unset });

  const { status, priority, category, assignee } = change;
  if (status !== undefined && status !== before.status) {
    if (!TICKET_MOVES[before.status].includes(status))
      return refuse(409, 'ticket_move_illegal', `A ${before.status} ticket cannot become ${status}.`, {
        from: before.status,
        to: status,
        allowed: TICKET_MOVES[before.status],
      });
    const text = `changed the status from ${before.status} to ${status}.`;
    if (status === 'resolved') step('status_changed', text, { status, resolvedAt: now });
    else if (status === 'closed') step('status_changed', text, { status });
    else step('status_changed', text, { status }, { resolvedAt: '' });
  }
  if (priority !== undefined && priority !== before.priority)
    step('priority_changed', `changed the priority from ${before.priority} to ${priority}.`, { priority });
  if (category !== undefined && category !== before.category)
    step('category_changed', `changed the category from ${before.category} to ${category}.`, { category });
  if (assignee === null && before.assignee)
    step('assignee_changed', 'took the assignee off.', {}, { assignee: '' });
  if (assignee && !before.assignee?.equals(assignee.id))
    step('assignee_changed', `gave it to ${assignee.name}.`, { assignee: assignee.id });
  const tags = tagsAfter(before.tags, change);
  if (tags.length > TAGS_MAX) return refuse(422, 'too_many_tags', `A ticket has at most ${TAGS_MAX} tags.`);
  if (tags.join('\n') !== before.tags.join('\n'))
    step('tags_changed', tags.length ? `set the tags ${tags.join(', ')}.` : 'removed all tags.', { tags });
  return steps;
}

function tagsAfter(before: string[], { tags, addTags = [], removeTags = [] }: TicketChange): string[] {
  const all = [...(tags ?? before), ...addTags].filter((tag) => !removeTags.includes(tag));
  return [...new Set(all)];
}
