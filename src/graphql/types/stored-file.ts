import { getFile } from '../../operations/read-file.ts';
import { uploadFile } from '../../operations/upload-file.ts';
import type { Builder } from '../builder.ts';
import { withUserErrors } from '../errors.ts';

/** Adds StoredFile, the query `file` and the mutation `uploadFile`. */
export function addStoredFile(builder: Builder): void {
  builder.objectType('StoredFile', {
    description: 'A file that tasks read or made.',
    fields: (t) => ({
      id: t.exposeID('id', { description: 'What a payload names it by.' }),
      name: t.exposeString('name', { description: 'As the client called it.' }),
      size: t.exposeFloat('size', { description: 'In bytes.' }),
      contentType: t.exposeString('contentType', { description: 'As the client called it.' }),
      createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was stored.' }),
      downloadUrl: t.string({
        description: 'Path and query, below the address of this API, at which it can be fetched for an hour.',
        resolve: ({ id }, _args, { resources }) => resources.links.linkTo(id, Date.now()),
      }),
    }),
  });
  builder.objectType('UploadFilePayload', {
    description: 'The stored file, or why there is none.',
    fields: (t) => ({
      file: t.expose('file', { type: 'StoredFile', nullable: true, description: 'The stored file.' }),
      userErrors: t.expose('userErrors', { type: ['UserError'], description: 'What is wrong with the file.' }),
    }),
  });
  builder.queryField('file', (t) =>
    t.field({
      type: 'StoredFile',
      nullable: true,
      description: 'A stored file; null for an unknown id.',
      args: { id: t.arg.id({ required: true, description: 'The id of the file.' }) },
      resolve: (_root, { id }, { resources }) => getFile(resources, id),
    }),
  );
  builder.mutationField('uploadFile', (t) =>
    t.field({
      type: 'UploadFilePayload',
      description: 'Stores a file while it arrives. User errors: FILE_TOO_LARGE.',
      args: { file: t.arg({ type: 'File', required: true, description: 'The file, in a multipart request.' }) },
      resolve: (_root, { file }, { resources }) =>
        withUserErrors({ file: null }, async () => ({ file: await uploadFile(resources, await file.open()) })),
    }),
  );
}
