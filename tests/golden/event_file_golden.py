"""Writes an event file with TensorBoard's own writer and messages: pip install tensorboard==2.21.0 numpy

    python tests/golden/event_file_golden.py tests/golden/tensorboard.tfevents
"""
import glob
import os
import shutil
import sys
import tempfile

import numpy as np
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.summary.writer.event_file_writer import EventFileWriter

Value = summary_pb2.Summary.Value
scalars = summary_pb2.SummaryMetadata(plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name="scalars"))
text = summary_pb2.SummaryMetadata(plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name="text"))
values = [
    Value(tag="simple", simple_value=0.25),
    Value(tag="zero", simple_value=0.0),
    Value(tag="float_val", tensor=TensorProto(dtype=1, float_val=[1.5], tensor_shape=TensorShapeProto()), metadata=scalars),
    Value(tag="content", tensor=TensorProto(dtype=1, tensor_content=np.float32(-2.5).tobytes()), metadata=scalars),
    Value(tag="words", tensor=TensorProto(dtype=7, string_val=[b"four"]), metadata=text),
    Value(tag="picture", image=summary_pb2.Summary.Image(height=2, width=3, colorspace=3, encoded_image_string=b"\x89PNG")),
    Value(tag="spread", histo=summary_pb2.HistogramProto(min=-1, max=2, num=3, sum=1.5, sum_squares=5.25,
                                                         bucket_limit=[0, 1, 2], bucket=[1, 0, 2])),
]
folder = tempfile.mkdtemp()
writer = EventFileWriter(folder)
for step, value in enumerate(values):
    writer.add_event(event_pb2.Event(wall_time=1000.5 + step, step=10 * step, summary=summary_pb2.Summary(value=[value])))
writer.add_event(event_pb2.Event(wall_time=2000.0, step=-1, summary=summary_pb2.Summary(value=values[:2])))
writer.flush()
writer.close()
shutil.copy(glob.glob(os.path.join(folder, "*"))[0], sys.argv[1])
