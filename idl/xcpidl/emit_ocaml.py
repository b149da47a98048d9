# SPDX-License-Identifier: LGPL-2.1-or-later
"""OCaml: NAME.ml and NAME.mli for each file, over the library xcpbus.

    Types     a module for each declared type
    Errors    what the service answers; the exception NAME_error carries it
    Client    over Xcpbus.default, as in Client.VM.start dbg id paused
    Direct    Client and Server for threads
    Make      the same for any other way to wait, such as Lwt's
"""
from .emit_ocaml_calls import (arguments, client, client_types, description, get_all, nest, nested,
                               put_all, server, server_types)
from .emit_ocaml_text import clean, comment, documented, error_constructor, indented, items, text, wrap
from .emit_ocaml_types import Scope, modules

TYPES = Scope(prefix='Types.')


def base_name(service):
    """squeezed1 of org.xen.xcp.squeezed1"""
    return service.root.name.rpartition('.')[2]


def exception(service):
    return base_name(service).capitalize() + '_error'


def emit(service):
    name = base_name(service).lower()
    return {f'{name}.ml': wrap(implementation(service)), f'{name}.mli': wrap(interface_of(service))}


def header(service):
    return ('(* SPDX-License-Identifier: LGPL-2.1-or-later *)\n'
            f'(* Printed by xcp-bus-idl out of {service.root.name}.xml: do not edit. *)\n')


# ---- errors ----

def errors_type(service, has_docs):
    lines = []
    for error in service.errors.values():
        of = ' * '.join(TYPES.type(field.type) for field in error.fields)
        fields = ', '.join(arguments(error.fields))
        line = f'  | {error_constructor(error.name)}{" of " + of if of else ""}'
        doc = error.doc + (f' Of {fields}.' if fields else '')
        lines.append(documented(line, doc if has_docs else ''))
    return 'type error =\n' + ''.join(lines)


def errors_implementation(service):
    texts = ''.join(f'    | {error_constructor(error.name)}{" _" if error.fields else ""} -> '
                    f'{text(error.doc)}\n' for error in service.errors.values())
    name = exception(service)
    return (f'module Errors = struct\n{indented(errors_type(service, False))}\n'
            f'  let to_string = function\n{texts}end\n\n'
            f'exception {name} of Errors.error\n\n'
            f'let () =\n  Printexc.register_printer (function\n'
            f'    | {name} error -> Some ("{name}: " ^ Errors.to_string error)\n'
            f'    | _ -> None)\n\n'
            f'module On_bus = struct\n{indented(errors_on_bus(service, name))}end\n')


def errors_on_bus(service, name):
    puts, gets = '', ''
    for error in service.errors.values():
        fields = arguments(error.fields)
        made = f'Errors.{error_constructor(error.name)}'
        pattern = f'({made} ({", ".join(fields)}) as error)' if fields else f'({made} as error)'
        body = items('', put_all(error.fields, fields))
        puts += (f'  | {name} {pattern} ->\n      Some\n        ({text(error.full_name)},\n'
                 f'          Errors.to_string error,\n          {body})\n')
        values = ', '.join(get_all(error.fields, fields))
        made += f' ({values})' if fields else ''
        found = f'[ {"; ".join(fields)} ]' if fields else '[]'
        gets += f'  | {text(error.full_name)}, {found} ->\n      Some ({name} ({made}))\n'
    return (f'let put = function\n{puts}  | _ -> None\n\n'
            f'let get name body =\n  match (name, body) with\n{gets}  | _ -> None\n')


# ---- the .ml ----

def implementation(service):
    levels = nest(service)
    code = header(service) + '\nmodule Put = Xcpbus.Put\nmodule Get = Xcpbus.Get\n\n'
    if service.types:
        code += f'module Types = struct\n{indented(modules(service, False))}end\n\n'
    errors = 'Xcpbus.Rpc.No_errors'
    if service.errors:
        code += errors_implementation(service) + '\n'
        errors = 'On_bus'
    code += 'let interfaces =\n  let open Xcpbus.Interface in\n  [\n'
    code += ''.join(f'    {description(service, interface)};\n' for interface in service.interfaces)
    code += '  ]\n\nmodule Make (Io : Xcpbus.IO) = struct\n  module Rpc = Xcpbus.Rpc.Make (Io)\n\n'
    if any(interface.methods for interface in service.interfaces):
        code += '  let ( let* ) = Io.bind\n\n'
    code += '  module Client (Target : Xcpbus.TARGET) = struct\n'
    code += f'    module Proxy = Rpc.Proxy (Target) ({errors})\n\n'
    code += indented(nested(levels, '= struct', lambda one: client(service, one)), '    ')
    code += '  end\n\n  module Server () = struct\n' + indented(service_module(service, errors), '    ')
    code += indented(nested(levels, '= struct', lambda one: server(service, one)), '    ')
    return code + '  end\nend\n\n' + instances(service)


def service_module(service, errors):
    export = 'let export = Service.export\nlet serve = Service.serve\n'
    if not service.name:
        export = 'let export ~path bus = Service.export ~path bus\n'
    return (f'module Service =\n  Rpc.Service\n    ({errors})\n    (struct\n'
            f'      let name = {text(service.name)}\n'
            f'      let path = {text(service.object_path or "/")}\n'
            f'      let interfaces = interfaces\n    end)\n    ()\n\n{export}'
            'let unimplemented = Service.unimplemented\n\n')


def instances(service):
    code = 'module Direct = Make (Xcpbus.Direct)\n'
    if not service.name:
        return code
    return code + (f'\nmodule Default = struct\n  let bus = Xcpbus.default\n'
                   f'  let destination = {text(service.name)}\n'
                   f'  let path = {text(service.object_path)}\nend\n\n'
                   'module Client = Direct.Client (Default)\n')


# ---- the .mli ----

def interface_of(service):
    name, levels = exception(service), nest(service)
    code = header(service) + '\n' + comment([clean(service.root.doc)]) + '\n'
    if service.types:
        code += f'module Types : sig\n{indented(modules(service, True))}end\n\n'
    if service.errors:
        code += (f'module Errors : sig\n{indented(errors_type(service, True))}\n'
                 '  (** For people. *)\n  val to_string : error -> string\nend\n\n'
                 f'exception {name} of Errors.error\n\n')
    code += comment(['For any way to wait: [Make (Xcpbus_lwt.Io)] is for Lwt.'])
    code += 'module Make (Io : Xcpbus.IO) : sig\n'
    code += '  (** Besides what is said below, all raise {!Xcpbus.Error}. *)\n'
    code += '  module Client (_ : Xcpbus.TARGET) : sig\n'
    code += indented(nested(levels, ': sig', lambda one: client_types(service, one, name)), '    ')
    code += '  end\n\n' + indented(comment([
        'Each function takes what answers calls of that name. Whatever is not given is answered '
        'with UnknownMethod. Answers are given, and errors raised, as the client sees them.']))
    code += '  module Server () : sig\n' + indented(server_head(service), '    ') + '\n'
    code += indented(nested(levels, ': sig', lambda one: server_types(service, one)), '    ')
    return code + '  end\nend\n\n' + instance_types(service)


def server_head(service):
    missing = ('(** The methods and properties that are not given yet. *)\n'
               'val unimplemented : unit -> string list\n')
    if not service.name:
        return missing + ('\n(** Offers what is given by now at a path. *)\n'
                          'val export : path:string -> Xcpbus.t -> unit\n')
    return missing + (
        f'\n(** Offers what is given by now, at [{service.object_path}] if nothing else is said. *)\n'
        'val export : ?path:string -> Xcpbus.t -> unit\n'
        f'\n(** The same, and takes the name, which is [{service.name}]. *)\n'
        'val serve : ?path:string -> ?name:string -> Xcpbus.t -> unit Io.t\n')


def instance_types(service):
    code = ('(** For threads. *)\nmodule Direct : module type of Make (Xcpbus.Direct)\n')
    if not service.name:
        return code
    return code + ('\n(** Where the service is: by its own name and path, on {!Xcpbus.default}. *)\n'
                   'module Default : Xcpbus.TARGET\n\n'
                   '(** The client for threads, on {!Xcpbus.default}. *)\n'
                   'module Client : module type of Direct.Client (Default)\n')
