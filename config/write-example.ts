import { writeFileSync } from 'node:fs';
import { renderExample } from './example.ts';

writeFileSync(new URL('../.env.example', import.meta.url), renderExample());
