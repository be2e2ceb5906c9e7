import type { Command } from 'commander';
export function registerTail(_program: Command): void {}
