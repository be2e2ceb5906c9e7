export * from './fields.ts';
export * from './queue.ts';
