# Finds LibTorch without running TorchConfig.cmake, which insists on a CUDA toolkit for CUDA builds even when only the libraries are needed.
# Where it looks: TorchSearch.cmake. Defines the target libtorch. The wheel's include folder carries its own protobuf, fmt and oneDNN
# headers, so it goes behind the system's.
include(${CMAKE_CURRENT_LIST_DIR}/TorchSearch.cmake)
set(_minimum 0)
if(LibTorch_FIND_VERSION)
  set(_minimum ${LibTorch_FIND_VERSION})
endif()
strata_search_torch(${_minimum} LIBTORCH_ROOT LIBTORCH_VERSION)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch REQUIRED_VARS LIBTORCH_ROOT VERSION_VAR LIBTORCH_VERSION
  REASON_FAILURE_MESSAGE "install it with 'pip install torch==2.13.0' or point CMAKE_PREFIX_PATH at an existing one (./check does this for you)")
# Kept for those who start from the build folder: which LibTorch it belongs to.
set(STRATA_TORCH_FOUND ${LIBTORCH_ROOT} CACHE INTERNAL "the LibTorch this build uses")
if(LibTorch_FOUND AND NOT TARGET libtorch)
  set(_lib ${LIBTORCH_ROOT}/lib)
  set(LIBTORCH_CUDA OFF)
  add_library(libtorch INTERFACE IMPORTED)
  target_compile_options(libtorch INTERFACE "SHELL:-idirafter ${LIBTORCH_ROOT}/include" "SHELL:-idirafter ${LIBTORCH_ROOT}/include/torch/csrc/api/include")
  target_link_options(libtorch INTERFACE -Wl,-rpath-link,${_lib} -Wl,--disable-new-dtags)
  if(NOT SKBUILD) # a wheel finds torch beside itself, not where it was built
    target_link_options(libtorch INTERFACE -Wl,-rpath,${_lib})
  endif()
  target_link_libraries(libtorch INTERFACE ${_lib}/libtorch_cpu.so ${_lib}/libc10.so)
  if(EXISTS ${_lib}/libtorch_cuda.so)
    set(LIBTORCH_CUDA ON)
    # Its own dependencies lie in the nvidia packages beside it and are found when the program starts, not when it is linked.
    target_link_options(libtorch INTERFACE -Wl,--allow-shlib-undefined)
    target_link_libraries(libtorch INTERFACE -Wl,--no-as-needed ${_lib}/libtorch_cuda.so ${_lib}/libc10_cuda.so -Wl,--as-needed)
  endif()
endif()
