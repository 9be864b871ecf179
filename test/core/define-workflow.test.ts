import { expect, test } from 'vitest';
import { z } from 'zod';
import { signature } from '../../src/core/canvas.ts';
import { defineWorkflow } from '../../src/core/define-workflow.ts';
import { noop } from '../../src/tasks/diagnostics.ts';
import { WorkflowCatalog } from '../../src/tasks/workflow-catalog.ts';

const spec = {
  name: 'do-nothing',
  description: 'Does nothing.',
  input: z.object({}),
  build: () => signature(noop, {}),
};

test('a workflow is what its spec says and cannot be changed', () => {
  const workflow = defineWorkflow(spec);

  expect(workflow).toEqual(spec);
  expect(Object.isFrozen(workflow)).toBe(true);
});

test('a name that is not kebab-case is refused', () => {
  expect(() => defineWorkflow({ ...spec, name: 'doNothing' })).toThrow(
    new TypeError('expected the workflow name to be kebab-case, e.g. send-welcome-email, got: "doNothing"'),
  );
});

test('two workflows of one name are refused', () => {
  const workflow = defineWorkflow(spec);

  expect(new WorkflowCatalog([workflow]).find('do-nothing')).toBe(workflow);
  expect(() => new WorkflowCatalog([workflow, defineWorkflow(spec)])).toThrow(
    new TypeError('expected the names of the workflows to differ, got: do-nothing, do-nothing'),
  );
});
