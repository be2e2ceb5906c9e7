export type { QueueName } from './catalogue.ts';
export { type Handler, openQueues, type QueueDepth, type Queues, type Wake } from './queues.ts';
