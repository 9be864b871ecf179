import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** A file in the file store. Its key there is its id, so a task that has the id has the file. */
export const StoredFile = defineEntity({
  name: 'StoredFile',
  tableName: 'stored_file',
  properties: {
    id: p.uuid().primary(),
    /** As the client called it; for showing only, never a path. */
    name: p.text(),
    /** In bytes. */
    size: p.bigint('number'),
    contentType: p.text(),
    createdAt: p.datetime(3).onCreate(() => new Date()),
  },
});

export type StoredFileRow = InferEntity<typeof StoredFile>;
