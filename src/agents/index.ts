export * from './accounts.ts';
export * from './authenticate.ts';
export * from './errors.ts';
export * from './model.ts';
export * from './permissions.ts';
