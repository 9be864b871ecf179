import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineDatabaseTask, defineTask, type TaskSpec } from '../../src/core/define-task.ts';

const spec = {
  name: 'resize-image',
  description: 'Resizes.',
  input: z.object({ id: z.string() }),
  output: z.object({}),
};

type Given = Partial<TaskSpec<string, z.ZodObject, z.ZodObject>>;

test('a task has the defaults that are written at its spec', () => {
  expect(defineTask(spec)).toEqual({
    ...spec,
    kind: 'plain',
    queue: 'default',
    priority: 5,
    attempts: 3,
    retry: [{ on: '*' }],
    limits: {},
    isolation: 'inline',
    child: { maxTasksPerChild: 1000, maxMemoryMb: 512 },
    rateLimit: undefined,
    diagnostic: false,
  });
});

test('a task keeps what it says', () => {
  const own = {
    queue: 'images',
    priority: 0,
    attempts: 100,
    retry: [{ on: ['BROKEN'], fail: true }],
    limits: { softSeconds: 1, hardSeconds: 2 },
    isolation: 'process',
    child: { maxTasksPerChild: 1, maxMemoryMb: 64 },
    rateLimit: { max: 1, perSeconds: 60 },
    diagnostic: true,
  } as const;

  expect(defineDatabaseTask({ ...spec, ...own })).toEqual({ ...spec, ...own, kind: 'database' });
});

test('a contract cannot be changed', () => {
  expect(Object.isFrozen(defineTask(spec))).toBe(true);
});

describe('what is refused', () => {
  const kebab = 'to be kebab-case, e.g. send-welcome-email, got:';
  const REFUSED: { given: Given; text: string }[] = [
    { given: { name: 'ResizeImage' }, text: `expected the task name ${kebab} "ResizeImage"` },
    { given: { name: 'resize_image' }, text: `expected the task name ${kebab} "resize_image"` },
    { given: { name: 'resize--image' }, text: `expected the task name ${kebab} "resize--image"` },
    { given: { name: '-resize' }, text: `expected the task name ${kebab} "-resize"` },
    { given: { name: 'resize\n' }, text: `expected the task name ${kebab} "resize\\n"` },
    { given: { name: '2fast' }, text: `expected the task name ${kebab} "2fast"` },
    { given: { name: '' }, text: `expected the task name ${kebab} ""` },
    { given: { queue: 'a:b' }, text: `expected the queue of resize-image ${kebab} "a:b"` },
    { given: { priority: -1 }, text: 'expected the priority of resize-image to be an integer from 0 to 9, got: -1' },
    { given: { priority: 10 }, text: 'expected the priority of resize-image to be an integer from 0 to 9, got: 10' },
    { given: { priority: 1.5 }, text: 'expected the priority of resize-image to be an integer from 0 to 9, got: 1.5' },
    { given: { attempts: 0 }, text: 'expected the attempts of resize-image to be an integer from 1 to 100, got: 0' },
    {
      given: { attempts: 101 },
      text: 'expected the attempts of resize-image to be an integer from 1 to 100, got: 101',
    },
    {
      given: { attempts: Number.NaN },
      text: 'expected the attempts of resize-image to be an integer from 1 to 100, got: NaN',
    },
    {
      given: { limits: { softSeconds: 0 } },
      text: 'expected the soft time limit of resize-image to be more than 0 s, got: 0',
    },
    {
      given: { limits: { hardSeconds: Number.NaN } },
      text: 'expected the hard time limit of resize-image to be more than 0 s, got: NaN',
    },
    {
      given: { limits: { softSeconds: 5, hardSeconds: 5 } },
      text: 'expected the soft time limit of resize-image to be below the hard one of 5 s, got: 5',
    },
  ];

  test.for(REFUSED)('$text', ({ given, text }) => {
    expect(() => defineTask({ ...spec, ...given })).toThrow(text);
    expect(() => defineDatabaseTask({ ...spec, ...given })).toThrow(text);
  });
});
