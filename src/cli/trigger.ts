import type { Command } from 'commander';
export function registerTrigger(_program: Command): void {}
