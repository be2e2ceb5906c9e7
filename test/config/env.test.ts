import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { ConfigError, readEnv } from '../../config/env.ts';
import { renderExample } from '../../config/example.ts';
import { PROVIDER_VARIABLES, VARIABLES } from '../../config/variables.ts';

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    readEnv(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error('nothing was refused');
}

function fileOf(content: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'earshot-env-')), 'value');
  writeFileSync(path, content);
  return path;
}

describe('environment', () => {
  test('an empty environment is enough to start', () => {
    expect(readEnv({})).toMatchObject({
      host: '127.0.0.1',
      port: 3000,
      publicUrl: 'http://127.0.0.1:3000',
      logLevel: 'info',
      rawRetentionDays: 90,
      secrets: [],
    });
  });

  test('an empty value counts as absent, so that a compose file may name every variable', () => {
    const names = [...Object.values(VARIABLES), ...PROVIDER_VARIABLES].flatMap((v) => [
      v.name,
      `${v.name}_FILE`,
    ]);
    expect(readEnv(Object.fromEntries(names.map((name) => [name, '  '])))).toEqual(readEnv({}));
  });

  test('all mistakes are told at once, each with name, value, wish and example', () => {
    const problems = problemsOf({ PORT: '0x10', RAW_RETENTION: '-1', LOG_LEVEL: 'loud', PUBLIC_URL: 'desk' });
    expect(problems).toHaveLength(4);
    expect(problems).toContain('PORT: given "0x10"; wanted a number from 1 to 65535, for example 3000');
  });

  test('a wrong secret is refused without being shown', () => {
    const secrets = {
      EARSHOT_SECRET: 'hunter2',
      MONGODB_URI: 'mongo://root:hunter2@db',
      REDIS_URL: 'hunter2',
      SMTP_URL: 'http://me:hunter2@mail',
      TWILIO_AUTH_TOKEN: 'hunter2 hunter2',
    };
    const problems = problemsOf(secrets);
    expect(problems.map((line) => line.split(':')[0]).sort()).toEqual(Object.keys(secrets).sort());
    expect(problems.join('\n')).not.toContain('hunter2');
  });

  test('one short secret in a list is refused, since all of them open', () => {
    expect(problemsOf({ EARSHOT_SECRET: `${'a'.repeat(32)},short` })).toHaveLength(1);
    expect(problemsOf({ EARSHOT_SECRET: `${'a'.repeat(32)},` })).toHaveLength(1);
    expect(readEnv({ EARSHOT_SECRET: `${'a'.repeat(32)}, ${'b'.repeat(32)}` }).secrets).toEqual([
      'a'.repeat(32),
      'b'.repeat(32),
    ]);
  });

  test('a secret from a file loses the newline that an editor added', () => {
    const env = readEnv({
      TWILIO_AUTH_TOKEN_FILE: fileOf('abc\n'),
      MONGODB_URI_FILE: fileOf('mongodb://db/x\n'),
    });
    expect(env.provider.TWILIO_AUTH_TOKEN).toBe('abc');
    expect(env.mongodbUri).toBe('mongodb://db/x');
  });

  test('a file that is missing or empty, and a value given twice, stop the start', () => {
    const problems = problemsOf({
      SMTP_URL_FILE: '/nowhere/smtp',
      TWILIO_AUTH_TOKEN_FILE: fileOf('\n'),
      REDIS_URL: 'redis://a',
      REDIS_URL_FILE: fileOf('redis://b'),
    });
    expect(problems.map((line) => line.split(':')[0])).toEqual([
      'REDIS_URL',
      'TWILIO_AUTH_TOKEN_FILE',
      'SMTP_URL_FILE',
    ]);
  });

  test.each([
    ['PORT', ['0', '65536', '3000 ', '80'], [false, false, true, true]],
    [
      'PUBLIC_URL',
      ['https://a.example/desk/', 'https://u:p@a.example', 'https://a.example/?x=1', 'ftp://a'],
      [true, false, false, false],
    ],
    [
      'MONGODB_URI',
      ['mongodb://a:1,b:2/x?replicaSet=r', 'mongodb+srv://a', 'mongodb://'],
      [true, true, false],
    ],
    ['REDIS_URL', ['rediss://:pw@a:1/2', 'redis://', 'localhost:6379'], [true, true, false]],
  ])('%s is neither refused when right nor taken when wrong', (name, values, right) => {
    const taken = values.map((value) => {
      try {
        return Boolean(readEnv({ [name]: value }));
      } catch {
        return false;
      }
    });
    expect(taken).toEqual(right);
  });

  test('the public URL has no slash at its end, or every signature would be checked against two', () => {
    expect(readEnv({ PUBLIC_URL: 'https://a.example/desk/' }).publicUrl).toBe('https://a.example/desk');
    expect(readEnv({ HOST: '::1', PORT: '80' }).publicUrl).toBe('http://[::1]:80');
    expect(readEnv({ HOST: '0.0.0.0' }).publicUrl).toBe('http://localhost:3000');
  });

  test('.env.example is that of this version', () => {
    const written = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8');
    expect(written).toBe(renderExample());
  });
});
