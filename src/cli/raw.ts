import type { Command } from 'commander';
export function registerRaw(_program: Command): void {}
