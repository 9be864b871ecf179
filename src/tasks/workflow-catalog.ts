import type { WorkflowContract } from '../core/define-workflow.ts';

/** The defined workflows that a deployment offers. */
export class WorkflowCatalog {
  readonly contracts: readonly WorkflowContract[];
  readonly #byName: ReadonlyMap<string, WorkflowContract>;

  /** Throws a `TypeError` when two contracts have the same name. */
  constructor(contracts: readonly WorkflowContract[]) {
    this.contracts = contracts;
    this.#byName = new Map(contracts.map((contract) => [contract.name, contract]));
    if (this.#byName.size < contracts.length) {
      throw new TypeError(
        `expected the names of the workflows to differ, got: ${contracts.map(({ name }) => name).join(', ')}`,
      );
    }
  }

  /** The contract of that name, or undefined. */
  find(name: string): WorkflowContract | undefined {
    return this.#byName.get(name);
  }
}
