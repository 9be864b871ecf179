import {
  type FieldNode,
  type FragmentDefinitionNode,
  getNamedType,
  getNullableType,
  GraphQLError,
  type GraphQLNamedType,
  isCompositeType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  type SelectionSetNode,
  typeFromAST,
  type ValidationContext,
  type ValidationRule,
} from 'graphql';

/**
 * Refuses a list inside itself, e.g. the steps of a workflow, their tasks, the workflow of these and its steps again: what is
 * read would grow with each level by the length of the list, and nobody needs it twice. Each list of the schema can stand
 * inside others, so a document reads no more than these have together.
 */
export const noListInItself: ValidationRule = (context) => ({
  OperationDefinition(operation) {
    const type = context.getSchema().getRootType(operation.operation);
    if (type) new Walk(context).listsIn(operation.selectionSet, type);
  },
});

/** One operation. What a fragment holds is worked out once, however often it is spread. */
class Walk {
  readonly #context: ValidationContext;
  readonly #ofFragment = new Map<FragmentDefinitionNode, ReadonlySet<string>>();

  constructor(context: ValidationContext) {
    this.#context = context;
  }

  /** The lists anywhere below a selection. */
  listsIn(selectionSet: SelectionSetNode, type: GraphQLNamedType): Set<string> {
    const lists = new Set<string>();
    for (const selection of selectionSet.selections) {
      const found =
        selection.kind === Kind.FIELD
          ? this.#listsOfField(selection, type)
          : selection.kind === Kind.FRAGMENT_SPREAD
            ? this.#listsOfFragment(this.#context.getFragment(selection.name.value))
            : this.listsIn(selection.selectionSet, this.#typeOn(selection.typeCondition) ?? type);
      for (const list of found) lists.add(list);
    }
    return lists;
  }

  #listsOfField(field: FieldNode, parent: GraphQLNamedType): Set<string> {
    const definition =
      isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[field.name.value] : undefined;
    const type = definition && getNamedType(definition.type);
    if (!field.selectionSet || !type || !isCompositeType(type) || type.name.startsWith('__')) return new Set();
    const lists = this.listsIn(field.selectionSet, type);
    if (!isListType(getNullableType(definition.type))) return lists;
    const list = placeOf(parent.name, field.name.value);
    if (lists.has(list)) {
      const message = `expected no list inside itself, got ${list} again below ${list}: ask for it in a query of its own`;
      this.#context.reportError(new GraphQLError(message, { nodes: field }));
    }
    return lists.add(list);
  }

  #listsOfFragment(fragment: FragmentDefinitionNode | null | undefined): ReadonlySet<string> {
    if (!fragment) return new Set();
    const known = this.#ofFragment.get(fragment);
    if (known) return known;
    this.#ofFragment.set(fragment, new Set()); // a fragment that spreads itself is refused elsewhere
    const type = this.#typeOn(fragment.typeCondition);
    const lists = type ? this.listsIn(fragment.selectionSet, type) : new Set<string>();
    this.#ofFragment.set(fragment, lists);
    return lists;
  }

  #typeOn(condition: FragmentDefinitionNode['typeCondition'] | undefined): GraphQLNamedType | undefined {
    return condition && typeFromAST(this.#context.getSchema(), condition);
  }
}

/** The edges and the nodes of a connection are the same list. */
function placeOf(type: string, field: string): string {
  return type.endsWith('Connection') ? type : `${type}.${field}`;
}
