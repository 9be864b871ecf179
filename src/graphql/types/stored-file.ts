import { uploadFile } from '../../operations/upload-file.ts';
import type { Builder } from '../builder.ts';
import { withUserErrors } from '../errors.ts';

/** Adds StoredFile and the mutation `uploadFile`. */
export function addStoredFile(builder: Builder): void {
  builder.objectType('StoredFile', {
    description: 'A file that tasks can read.',
    fields: (t) => ({
      id: t.exposeID('id', { description: 'What a payload names it by.' }),
      name: t.exposeString('name', { description: 'As the client called it.' }),
      size: t.exposeFloat('size', { description: 'In bytes.' }),
      contentType: t.exposeString('contentType', { description: 'As the client called it.' }),
      createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was uploaded.' }),
    }),
  });
  builder.objectType('UploadFilePayload', {
    description: 'The stored file, or why there is none.',
    fields: (t) => ({
      file: t.expose('file', { type: 'StoredFile', nullable: true, description: 'The stored file.' }),
      userErrors: t.expose('userErrors', { type: ['UserError'], description: 'What is wrong with the file.' }),
    }),
  });
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
