//! System tests live beside this file, one binary a subject.
