//! Host traits for what capabilities lend, generated from the same WIT files that skills are written against. Those of
//! clocks and randomness are the ones wasmtime-wasi publishes; files and requests need asynchrony and errors of their own.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated; the WIT files are the documentation"
)]

wasmtime::component::bindgen!({
    path: "../../wit",
    inline: "
        package kapell:host;
        world lends {
            import wasi:filesystem/types@0.2.12;
            import wasi:filesystem/preopens@0.2.12;
            import wasi:keyvalue/store@0.2.0-draft;
            import wasi:keyvalue/atomics@0.2.0-draft;
            import wasi:keyvalue/batch@0.2.0-draft;
            import wasi:config/store@0.2.0-rc.1;
            import wasi:logging/logging@0.1.0-draft;
            import kapell:skill/notes@0.1.1;
            import kapell:skill/inference@0.1.1;
            import wasi:http/types@0.2.12;
            import wasi:http/outgoing-handler@0.2.12;
        }
    ",
    world: "kapell:host/lends",
    // What may have to look at a directory waits for that elsewhere than on a worker.
    imports: {
        "wasi:filesystem/types.[method]descriptor.append-via-stream": async | trappable,
        "wasi:filesystem/types.[method]descriptor.create-directory-at": async | trappable,
        "wasi:filesystem/types.[method]descriptor.link-at": async | trappable,
        "wasi:filesystem/types.[method]descriptor.metadata-hash": async | trappable,
        "wasi:filesystem/types.[method]descriptor.metadata-hash-at": async | trappable,
        "wasi:filesystem/types.[method]descriptor.open-at": async | trappable,
        "wasi:filesystem/types.[method]descriptor.read": async | trappable,
        "wasi:filesystem/types.[method]descriptor.read-directory": async | trappable,
        "wasi:filesystem/types.[method]descriptor.read-via-stream": async | trappable,
        "wasi:filesystem/types.[method]descriptor.readlink-at": async | trappable,
        "wasi:filesystem/types.[method]descriptor.remove-directory-at": async | trappable,
        "wasi:filesystem/types.[method]descriptor.rename-at": async | trappable,
        "wasi:filesystem/types.[method]descriptor.set-size": async | trappable,
        "wasi:filesystem/types.[method]descriptor.set-times-at": async | trappable,
        "wasi:filesystem/types.[method]descriptor.stat": async | trappable,
        "wasi:filesystem/types.[method]descriptor.stat-at": async | trappable,
        "wasi:filesystem/types.[method]descriptor.symlink-at": async | trappable,
        "wasi:filesystem/types.[method]descriptor.unlink-file-at": async | trappable,
        "wasi:filesystem/types.[method]descriptor.write": async | trappable,
        "wasi:filesystem/types.[method]descriptor.write-via-stream": async | trappable,
        // These wait for the world outside; everything else answers at once.
        "wasi:http/outgoing-handler.handle": async | trappable,
        "wasi:http/types.[static]outgoing-body.finish": async | trappable,
        "kapell:skill/inference.complete": async | trappable,
        default: trappable,
    },
    require_store_data_send: true,
    trappable_error_type: {
        "wasi:filesystem/types.error-code" => super::files::FilesError,
        "wasi:keyvalue/store.error" => super::keyvalue::KeyvalueError,
        "wasi:http/types.error-code" => super::http::HttpError,
        "wasi:http/types.header-error" => super::http::FieldsError,
    },
    with: {
        "wasi:io": wasmtime_wasi_io::bindings::wasi::io,
        "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
        "wasi:filesystem/types.descriptor": super::files::Descriptor,
        "wasi:filesystem/types.directory-entry-stream": super::files::Listing,
        "wasi:keyvalue/store.bucket": super::keyvalue::Bucket,
        "wasi:http/types.fields": super::http::Fields,
        "wasi:http/types.outgoing-request": super::http::Request,
        "wasi:http/types.outgoing-body": super::http::Body,
        "wasi:http/types.request-options": super::http::Options,
        "wasi:http/types.future-incoming-response": super::http::Future,
        "wasi:http/types.incoming-response": super::http::Answer,
        "wasi:http/types.incoming-body": super::http::IncomingBody,
        "wasi:http/types.future-trailers": super::http::Trailers,
        "wasi:http/types.incoming-request": super::http::Never,
        "wasi:http/types.outgoing-response": super::http::Never,
        "wasi:http/types.response-outparam": super::http::Never,
    },
});
